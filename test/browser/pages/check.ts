/** A page of somebody's who has tfjs already, and checks a network of his own with it. */
import * as tf from "@tensorflow/tfjs";
import type { Graph } from "../../../ts/index.ts";
import { type CheckReport, check } from "../../../ts/reference/index.ts";

/** The report on the page's own WebGL, and the backend in use afterwards. The check has used the tfjs of the page. */
async function checkOnWebgl(graph: Graph): Promise<{ report: CheckReport; backend: string }> {
  const report = await check(
    { backend: "webgl", subjects: [{ kind: "graph", graph }], batchSize: 2, steps: 2 },
    { tf },
  );
  return { report, backend: tf.getBackend() };
}

declare global {
  interface Window {
    checkOnWebgl: typeof checkOnWebgl;
  }
}

window.checkOnWebgl = checkOnWebgl;
