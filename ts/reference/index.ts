/**
 * `proxbit/reference`: proxbit beside tfjs, number by number.
 *
 * ```ts
 * import { check } from "proxbit/reference";
 *
 * const report = await check({ backend: "cpu", subjects: [{ kind: "model", name: "mlp" }] });
 * console.log(report.pass, report.worst);
 * ```
 *
 * tfjs and its backends are optional peer dependencies, loaded when a check begins. In a page any backend runs that the
 * browser has; in Node webgpu (with npm's `webgpu`), wasm and cpu.
 */
export { type CheckOptions, check } from "./check.ts";
export { type CheckFormat, formatCheck } from "./format.ts";
export {
  type Adapter,
  type BackendName,
  backendNames,
  type CheckEvent,
  type CheckReport,
  type CheckRequest,
  type CheckSubject,
  type Row,
  type Verdict,
} from "./report.ts";
export type { TensorFlow } from "./tensorflow.ts";
