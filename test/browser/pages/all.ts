/** A page with everything: the kernels' suite, training and inference, for the test to call. */
import { runKernelSuite } from "../../kernels/suite.ts";
import { infer, inferParallel, latenessOfTraining, train } from "../work.ts";

const api = { runKernelSuite, train, infer, inferParallel, latenessOfTraining };

declare global {
  interface Window {
    proxbit: typeof api;
  }
}

window.proxbit = api;
