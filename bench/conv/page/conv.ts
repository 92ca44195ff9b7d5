/** The page of the convolution benchmark: its driver calls `measure`. */
import { measure } from "../measure.ts";

declare global {
  interface Window {
    measure: typeof measure;
    tick: () => Promise<void>;
  }
}

window.measure = measure;
