/** The machine of a run, for its results. */
import { cpus } from "node:os";
import { clock, giga } from "./clock.ts";
import { medianOf } from "./finding.ts";
import { race } from "./race.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Clock of the core at the start of the run, measured. */
  readonly gigahertz: number;
  readonly node: string;
}

export async function machine(): Promise<Machine> {
  const [timing] = await race([await clock()], { rounds: 9, warmUp: 3, sliceMilliseconds: 5 });
  const hertz = timing === undefined ? 0 : giga(medianOf(timing));
  return { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, gigahertz: hertz, node: process.version };
}

export const machineLine = ({ cpu, cores, gigahertz: clockRate, node }: Machine): string =>
  `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, ${clockRate.toFixed(2)} GHz measured, Node ${node}`;
