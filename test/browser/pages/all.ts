/** A page with everything that the test calls: the kernels' suite, training and inference. */
import { runKernelSuite } from "../../kernels/suite.ts";
import { infer, inferParallel, train, trainFor } from "../work.ts";

const api = { runKernelSuite, train, trainFor, infer, inferParallel };

declare global {
  interface Window {
    proxbit: typeof api;
  }
}

window.proxbit = api;
