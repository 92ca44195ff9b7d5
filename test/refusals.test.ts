/** The guarantee: where an engine or a system refuses something, the next smaller thing is tried, and a remedy that is told works. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { dataAt } from "../ts/data/files/place.ts";
import { imageFolder, mnist } from "../ts/data/index.ts";
import { decodeImage } from "../ts/images/decode.ts";
import { load, loadParallel } from "../ts/inference/index.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { compileCore, coreBytes } from "../ts/runtime/compile-core.ts";
import { createPool } from "../ts/runtime/pool.ts";
import { isShared, type Variant } from "../ts/runtime/variants.ts";
import { Trainer } from "../ts/train/run/trainer.ts";
import { blankFile } from "./blank-models.ts";
import { timerSet } from "./fake-clock.ts";
import { withServer } from "./http-server.ts";
import { pngFile } from "./image-files.ts";
import { rejected, withFolder } from "./io-helpers.ts";
import { callsTo, failureWithThreads, leftAlone, withThreads } from "./worker-spy.ts";

// Where sharp is installed, a browser is not asked.
vi.mock("../ts/images/sharp.ts", async (original) => ({
  ...(await original<typeof import("../ts/images/sharp.ts")>()),
  findSharp: () => undefined,
}));

const graph = sequential({ inputShape: [3] }, [layers.dense({ units: 2 })]);
const file = blankFile(graph);
const image = new Float32Array(3);

const { Memory } = WebAssembly;
afterEach(() => {
  Object.assign(WebAssembly, { Memory });
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** An engine that posts nothing that `isRefused` names. */
function refuseToPost(isRefused: (value: unknown) => boolean): void {
  const { postMessage } = Worker.prototype;
  const holds = (value: unknown): boolean => {
    if (isRefused(value)) return true;
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
    return Object.values(value).some(holds);
  };
  vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...given) {
    if (holds(given[0])) throw new DOMException("it could not be cloned.", "DataCloneError");
    postMessage.apply(this, given);
  });
}

/** The sum of two numbers by a worker of a new pool, which shows that it works; and the pool's facts. */
async function poolFacts(variant?: Variant) {
  const pool = await createPool({ workers: 2, variant });
  try {
    const address = await pool.reserve(64);
    await pool.write(address, Uint8Array.of(1, 2, 3));
    const found = [...(await pool.read({ address, bytes: 3 }))];
    return { found, workers: pool.workers, shared: isShared(pool.variant) };
  } finally {
    pool.close();
  }
}

describe("an engine that refuses to post", () => {
  test("the core gets the core's bytes posted", async () => {
    refuseToPost((value) => value instanceof WebAssembly.Module);
    expect(await poolFacts()).toEqual({ found: [1, 2, 3], workers: 2, shared: true });
    using session = await loadParallel(file, { workers: 2 });
    expect((await session.run(image)).length).toBe(2);
  });

  test("shared memory gets one worker with a memory of its own", async () => {
    refuseToPost((value) => value instanceof WebAssembly.Memory || value instanceof SharedArrayBuffer);
    expect(await poolFacts()).toEqual({ found: [1, 2, 3], workers: 1, shared: false });
    using trainer = await Trainer.create(graph);
    expect([trainer.workers, (await trainer.weights()).size]).toEqual([1, 2]);
  });

  test("shared memory says so where the variant was named, and its remedy works", async () => {
    refuseToPost((value) => value instanceof WebAssembly.Memory);
    const { remedy } = await rejected("environment", createPool({ workers: 2, variant: "plain-shared" }));
    expect(remedy).toContain('variant: "plain"');
    expect(await poolFacts("plain")).toMatchObject({ found: [1, 2, 3] });
  });

  test("anything leaves no thread, and `load` works", async () => {
    refuseToPost(() => true);
    const { error, threads } = await failureWithThreads(() => createPool({ workers: 2 }));
    expect(error).toMatchObject({ code: "environment", remedy: "Packed models run without workers, by `load`." });
    expect(leftAlone(threads)).toEqual([]);
    expect((await load(file)).run(image).length).toBe(2);
  });
});

describe("a system that makes no more threads", () => {
  test.each([1, 3])("gives a pool those that it made: %i", async (index) => {
    const { result: pool, threads } = await withThreads(() => createPool({ workers: 5 }), { index, kind: "refused" });
    expect([pool.workers, threads.length]).toEqual([index, index]);
    expect(callsTo(threads[0] as Worker)).toContain("start");
    pool.close();
  });

  test("gives a trainer and a session the same results as all threads do", async () => {
    const weights = async (): Promise<unknown> => {
      using trainer = await Trainer.create(graph, { workers: 3, seed: 1 });
      return [trainer.workers, await trainer.pack()];
    };
    const [whole, { result: fewer }] = [await weights(), await withThreads(weights, { index: 1, kind: "refused" })];
    expect(fewer).toEqual([1, (whole as unknown[])[1]]);
    const answer = async (): Promise<readonly unknown[]> => {
      using session = await loadParallel(file, { workers: 3 });
      return [session.workers, [...(await session.run(image))]];
    };
    const { result } = await withThreads(answer, { index: 2, kind: "refused" });
    expect(result).toEqual([2, [...(await load(file)).run(image)]]);
  });
});

test("threads that may share little memory say how much, and one with a memory of its own has more", async () => {
  const most = 512;
  class Refusing extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if (descriptor.shared && (descriptor.maximum ?? 0) > most) throw new RangeError("could not allocate memory");
      super(descriptor);
    }
  }
  Object.assign(WebAssembly, { Memory: Refusing });
  // 4 M weights take more than 32 MiB with the optimizer's state.
  const large = sequential({ inputShape: [2048] }, [layers.dense({ units: 2048 }), layers.dense({ units: 2 })]);
  const named = { variant: "plain-shared", workers: 1 } as const;
  const { message, remedy } = await rejected("environment", Trainer.create(large, named));
  expect(message).toContain("lets threads share at most 32 MiB");
  expect(remedy).toContain('variant: "plain"');
  (await Trainer.create(large, { variant: "plain" })).close();
  // It is what a trainer does by itself where nobody has named a variant.
  const { result, threads } = await withThreads(() => Trainer.create(large, { workers: 2 }));
  expect([result.workers, isShared(result.variant)]).toEqual([1, false]);
  expect(leftAlone(threads)).toHaveLength(1);
  result.close();
});

describe("a timer that goes off late, as in a page in the background", () => {
  test("gives the workers their time once more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const failing = failureWithThreads(() => createPool({ workers: 2 }), { index: 0, kind: "sleeps" });
    let isOver = false;
    void failing.then(() => {
      isOver = true;
    });
    await timerSet();
    const now = performance.now();
    const late = vi.spyOn(performance, "now").mockReturnValue(now + 600_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([isOver, vi.getTimerCount()]).toEqual([false, 1]);
    late.mockReturnValue(now + 660_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await failing).error).toMatchObject({ message: "the workers did not start within 60 s" });
  });
});

/** A server whose answers have a type, and are cut after some bytes where that is asked for. */
function served<T>(
  answer: { readonly type: string; readonly body: Uint8Array; readonly cut?: boolean },
  action: (address: string) => Promise<T>,
): Promise<T> {
  return withServer(
    (_, response) => {
      response.writeHead(200, { "Content-Type": answer.type, "Content-Length": answer.body.length });
      if (answer.cut !== true) return void response.end(answer.body);
      response.write(answer.body.subarray(0, 8), () => response.destroy());
    },
    (origin) => action(`${origin}/core.wasm`),
  );
}

/** A module without content. */
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

describe("a download of the core", () => {
  test.each(["application/wasm", "application/octet-stream"])("that is cut names its address (%s)", (type) =>
    served({ type, body: new Uint8Array(1 << 16), cut: true }, async (address) => {
      const { message } = await rejected("environment", compileCore("plain", address));
      expect(message).toContain(`cannot read the kernels at ${address}`);
    }),
  );

  test("is compiled as a whole where the engine compiles no stream", () =>
    served({ type: "application/wasm", body: EMPTY }, async (address) => {
      vi.stubGlobal("WebAssembly", Object.assign(Object.create(WebAssembly), { compileStreaming: undefined }));
      expect(await compileCore("plain", address)).toBeInstanceOf(WebAssembly.Module);
    }));

  test("gives its bytes to workers that cannot be given what is compiled", () =>
    served({ type: "application/wasm", body: EMPTY }, async (address) => {
      expect(await coreBytes("plain", address)).toEqual(EMPTY);
      expect(await coreBytes("plain", () => EMPTY)).toEqual(EMPTY);
      expect(await coreBytes("plain", EMPTY.buffer)).toEqual(EMPTY);
      expect(await coreBytes("plain", new WebAssembly.Module(EMPTY))).toBeNull();
    }));

  test("of a data set that answers with a page, or is cut, names its address", async () => {
    const page = new TextEncoder().encode("<!doctype html>");
    for (const answer of [
      { type: "text/html", body: page },
      { type: "application/gzip", body: new Uint8Array(1 << 16), cut: true },
    ]) {
      await served(answer, async (address) => {
        const { message } = await rejected("data", mnist({ baseUrl: new URL(".", address) }));
        expect(message).toContain("http://127.0.0.1");
      });
    }
  });
});

test("a folder that may not be read is refused by its name, whoever asks for it", () =>
  withFolder(async (folder) => {
    for (const name of ["cat", "dog"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "1.png"), pngFile(4, 3));
    }
    const module = process.getBuiltinModule("node:fs/promises");
    const { readdir } = module;
    for (const denied of [folder, join(folder, "dog")]) {
      vi.spyOn(module, "readdir").mockImplementation((async (path: string, ...rest: []) => {
        if (path === denied) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
        return readdir(path, ...rest);
      }) as never);
      for (const read of [dataAt, imageFolder]) {
        const { message } = await rejected("data", read(folder, {}));
        expect(message).toContain(`${denied}`);
        expect(message).toContain("EACCES");
      }
    }
  }));

test("a browser that decodes no picture leaves PNG and JPEG to JavaScript", async () => {
  vi.stubGlobal("createImageBitmap", async () => {
    throw new DOMException("no memory", "InvalidStateError");
  });
  vi.stubGlobal("OffscreenCanvas", function OffscreenCanvas() {});
  const { width, height } = await decodeImage(pngFile(4, 3), "a picture");
  expect([width, height]).toEqual([4, 3]);
});
