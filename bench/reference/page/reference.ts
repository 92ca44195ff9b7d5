/** The page of the benchmark against tfjs: its driver calls `measureSteps`. */
import { measure } from "../measure.ts";

declare global {
  interface Window {
    measureSteps: typeof measure;
    tick: () => Promise<void>;
  }
}

window.measureSteps = measure;
