/** The process that the torturer kills. It trains, or goes on where the checkpoint stands, and writes the model file. */
import type { FileHandle } from "node:fs/promises";
import { layers, optimizers, schedules, sequential, Trainer } from "../../ts/index.ts";
import { writeFileAtomic } from "../../ts/io/write.ts";
import type { Order } from "./order.ts";
import { trainTortured } from "./work.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as Order;
const { fault } = order;

/** Puts the fault into the calls that write: open, write, sync, close, rename, rm and writeFile. */
function spoilFiles(): void {
  const module = process.getBuiltinModule("node:fs/promises");
  const { open, rename, rm, writeFile } = module;
  let deeds = 0;
  const deed = async <T>(action: () => Promise<T>): Promise<T> => {
    const number = deeds++;
    if (fault.kind === "full" && number >= fault.deed && number < fault.deed + fault.deeds) {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    }
    const dies = fault.kind === "killed" && number === fault.deed;
    if (dies && fault.when === "before") process.kill(process.pid, "SIGKILL");
    const result = await action();
    if (dies) process.kill(process.pid, "SIGKILL");
    return result;
  };
  const spoilt = (handle: FileHandle): FileHandle => {
    const own = {
      writeFile: (...given: Parameters<FileHandle["writeFile"]>) => deed(() => handle.writeFile(...given)),
      sync: () => deed(() => handle.sync()),
      // Linux closes a file even where it reports a fault of that.
      close: () => handle.close().then(() => deed(async () => {})),
    };
    return new Proxy(handle, {
      get: (target, key) => {
        const found: unknown = Reflect.get(key in own ? own : target, key);
        return typeof found === "function" ? found.bind(key in own ? own : target) : found;
      },
    });
  };
  module.open = async (...given) => spoilt(await deed(() => open(...given)));
  module.rename = (...given) => deed(() => rename(...given));
  module.rm = (...given) => deed(() => rm(...given));
  module.writeFile = (...given) => deed(() => writeFile(...given));
}

/** Ends a worker behind a step of the run. */
function spoilWorker(): (step: number) => void {
  if (fault.kind !== "worker") return () => {};
  const module = process.getBuiltinModule("node:worker_threads");
  const original = module.Worker;
  const living: InstanceType<typeof original>[] = [];
  module.Worker = class extends original {
    constructor(...given: ConstructorParameters<typeof original>) {
      super(...given);
      living.push(this);
    }
  };
  let isDone = false;
  return (step) => {
    if (step !== fault.step || isDone) return;
    isDone = true;
    void living[step % living.length]?.terminate();
  };
}

if (fault.kind === "killed" || fault.kind === "full") spoilFiles();
const behindStep = spoilWorker();
const told = (step: number): void => {
  if (step === 0) console.log("began");
  behindStep(step);
};
const library = { Trainer, sequential, layers, optimizers, schedules };
const checkpoint = { to: order.checkpoint, every: { steps: order.every } };
const bytes = await trainTortured(library, checkpoint, order.setting, order.pause, told);
await writeFileAtomic(order.out, bytes);
