/** A page with everything that the test calls: the kernels' suite, training and inference. */
import { runKernelSuite } from "../../kernels/suite.ts";
import { infer, inferParallel, latenessOfTraining, train } from "../work.ts";

const api = { runKernelSuite, train, infer, inferParallel, latenessOfTraining };

declare global {
  interface Window {
    proxbit: typeof api;
  }
}

window.proxbit = api;
