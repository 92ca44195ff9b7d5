/** Sessions and trainers give back what they hold: by close, by `using`, and by the garbage collector where both are missing. */
import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { load, loadParallel } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { createSharedMemory, instantiate } from "../ts/runtime/instantiate.ts";
import { loadModule } from "../ts/runtime/load.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { blankFile } from "./blank-models.ts";
import { rejected, thrown } from "./io-helpers.ts";
import { withThreads } from "./worker-spy.ts";

const graph = sequential({ inputShape: [3] }, [layers.dense({ units: 2 })]);
const file = blankFile(graph);
const image = new Float32Array(3);

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

afterEach(() => vi.restoreAllMocks());

describe("a closed session", () => {
  test("refuses all work, and is closed by `using` too", async () => {
    const session = await load(file);
    expect(session.run(image).length).toBe(2);
    session.close();
    for (const work of [() => session.run(image), () => session.runAll(image)]) {
      expect(thrown("worker", work).message).toBe("the session was closed");
    }
    for (const work of [session.explain, session.profile]) {
      expect((await rejected("worker", work())).message).toBe("the session was closed");
    }
    expect(session.metadata).toEqual({});
    let kept: { run: (images: Float32Array) => unknown };
    {
      using short = await load(file);
      kept = short;
      expect(short.run(image).length).toBe(2);
    }
    thrown("worker", () => kept.run(image));
  });

  test("on several threads rejects, and so does a trainer", async () => {
    const session = await loadParallel(file, { workers: 1 });
    session[Symbol.dispose]();
    await rejected("worker", session.run(image));
    const trainer = await Trainer.create(graph, { workers: 1 });
    trainer[Symbol.dispose]();
    await rejected("worker", trainer.weights());
  });
});

test("closing many times adds no listener to a thread, which Node would warn of", async () => {
  const { result: session, threads } = await withThreads(() => loadParallel(file, { workers: 1 }));
  const [thread] = threads as [Worker];
  session.close();
  const once = thread.listenerCount("exit");
  for (let i = 0; i < 20; i++) session.close();
  expect(thread.listenerCount("exit")).toBe(once);
});

test("threads of a session that nobody holds end, with a hint", async () => {
  const warnings: unknown[] = [];
  vi.spyOn(process, "emitWarning").mockImplementation((warning) => void warnings.push(warning));
  const closed = await loadParallel(file, { workers: 1 });
  closed.close();
  await (async () => {
    const dropped = await loadParallel(file, { workers: 1 });
    expect((await dropped.run(image)).length).toBe(2);
  })();
  const held = await loadParallel(file, { workers: 1 });
  for (let turn = 0; warnings.length === 0 && turn < 200; turn++) {
    collect();
    await new Promise(setImmediate);
  }
  expect(warnings).toEqual([expect.stringContaining("was dropped and not closed")]);
  expect((await held.run(image)).length).toBe(2);
  held.close();
});

/** A thread of Node behind the interface of a page's worker. */
class PageWorker extends EventTarget {
  readonly #thread = new Worker(new URL("../ts/runtime/worker.ts", import.meta.url));

  constructor() {
    super();
    this.#thread.on("message", (data) => this.dispatchEvent(new MessageEvent("message", { data })));
  }

  postMessage(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer);
  }

  terminate(): void {
    void this.#thread.terminate();
  }
}

test("a closed pool leaves no listener at the workers of a page, which comlink keeps: each leads to the pool's memory", async () => {
  const workers: PageWorker[] = [];
  const worker = () => {
    workers.push(new PageWorker());
    return workers.at(-1) as unknown as globalThis.Worker;
  };
  const heard = () =>
    workers.map((one) => ["message", "error", "messageerror"].map((type) => getEventListeners(one, type).length));
  const pool = await createPool({ workers: 2, worker });
  expect(heard()).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ]);
  pool.close();
  expect(heard()).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

describe("an engine that refuses", () => {
  const { Memory, Instance } = WebAssembly;
  afterEach(() => void Object.assign(WebAssembly, { Memory, Instance }));

  /** Shared memories of more than `most` pages are refused, as phones do. */
  function refuseShared(most: number): void {
    class Refusing extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        if (descriptor.shared && (descriptor.maximum ?? 0) > most) throw new RangeError("could not allocate memory");
        super(descriptor);
      }
    }
    Object.assign(WebAssembly, { Memory: Refusing });
  }

  test.each([8192, 4096, 512])("shared memory above %i pages gives what it has", (most) => {
    refuseShared(most);
    const memory = createSharedMemory();
    expect(() => memory.grow(most - 64)).not.toThrow();
    expect(() => memory.grow(1)).toThrow();
  });

  test("all shared memory gets one worker with a memory of its own, for a trainer", async () => {
    refuseShared(0);
    const pool = await createPool({ workers: 2 });
    expect([pool.workers, pool.memory, pool.variant.endsWith("-shared")]).toEqual([1, null, false]);
    pool.close();
    using trainer = await Trainer.create(graph);
    expect(trainer.workers).toBe(1);
  });

  test("all shared memory says what helps where the variant was named, and that helps", async () => {
    refuseShared(0);
    const { message, remedy } = await rejected("environment", createPool({ workers: 1, variant: "plain-shared" }));
    expect(message).toBe("the engine cannot reserve a shared memory, however small");
    expect(remedy).toContain('Leave out the variant or give variant: "plain"');
    (await createPool({ workers: 1, variant: "plain" })).close();
    (await load(file)).close();
  });

  test("all shared memory refuses a session on several threads, and `load` helps", async () => {
    refuseShared(0);
    const { remedy } = await rejected("environment", loadParallel(file, { workers: 2 }));
    expect(remedy).toContain("load");
    expect((await load(file)).run(image).length).toBe(2);
  });

  test("to post the core or its memory says so, and `load` helps", async () => {
    vi.spyOn(Worker.prototype, "postMessage").mockImplementation(() => {
      throw new DOMException("#<Memory> could not be cloned.", "DataCloneError");
    });
    const { message, remedy } = await rejected("environment", createPool({ workers: 2 }));
    expect(message).toContain("does not hand the core or its memory to workers: #<Memory> could not be cloned.");
    expect(remedy).toContain("`load`");
    expect((await load(file)).run(image).length).toBe(2);
  });

  test("memory that grows is refused by a session with what it needs", async () => {
    vi.spyOn(Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("WebAssembly.Memory.grow(): Maximum memory size exceeded");
    });
    const { message } = await rejected("environment", load(file, { kernel: "lookup" }));
    expect(message).toContain("of memory, which cannot be had");
  });

  test("another instance gets a typed error", async () => {
    const module = await loadModule("plain");
    class Full {
      constructor() {
        throw new RangeError("WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance");
      }
    }
    Object.assign(WebAssembly, { Instance: Full });
    const { message, remedy } = thrown("environment", () => instantiate(module));
    expect(message).toContain("the engine has no memory for another session");
    expect(remedy).toContain("session.close()");
  });
});
