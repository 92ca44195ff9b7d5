/** tfjs's backends in Node: each starts, says what it calculates on, and calculates; what cannot start says why. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as tensorflow from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { graphicsAdapter, webgpuAdapter } from "../ts/reference/adapter.ts";
import { startBackend } from "../ts/reference/backends.ts";
import { loadPackage } from "../ts/reference/packages.ts";
import type { Adapter } from "../ts/reference/report.ts";
import { convolve, convolveByDefinition, image, kernel } from "./reference-convolution.ts";

const expected = convolveByDefinition();

describe("in Node", () => {
  // Each twice, and one after the other: tfjs keeps what it has started.
  it.each(["cpu", "wasm", "webgpu", "webgpu", "wasm", "cpu"] as const)("%s calculates exactly", async (name) => {
    const { tf, adapter, version, host } = await startBackend(name);
    expect(tf.getBackend()).toBe(name);
    expect(await convolve(tf, image, kernel)).toEqual(expected);
    expect(version).toBe(tensorflow.version.tfjs);
    expect(host).toBe(`Node ${process.versions.node}`);
    if (name === "cpu") expect(adapter).toEqual({ name: "JavaScript", kind: "cpu" });
    if (name === "wasm") expect(adapter).toEqual({ name: "WebAssembly SIMD", kind: "cpu" });
    if (name === "webgpu") expect(adapter.kind).toBe(/swiftshader|llvmpipe/i.test(adapter.name) ? "software" : "gpu");
  });

  it("takes the tfjs that it is given", async () => {
    expect((await startBackend("cpu", tensorflow)).tf).toBe(tensorflow);
  });

  it("refuses webgl, and names what opens a page", async () => {
    await expect(startBackend("webgl")).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(/needs a page/),
      remedy: expect.stringMatching(/proxbit check --backend webgl/),
    });
  });

  it("says what to install where a package is missing", async () => {
    const name: string = "proxbit-has-no-such-package";
    await expect(loadPackage(name, () => import(/* @vite-ignore */ name))).rejects.toMatchObject({
      code: "environment",
      message: `the package ${name} is not installed`,
      remedy: `Install it: npm install ${name}`,
    });
  });
});

describe("a process of its own", () => {
  const module = JSON.stringify(new URL("../ts/reference/backends.ts", import.meta.url).href);
  /** Runs a script that has startBackend; rejects where it ends by a signal, with another code than 0, or not at all. */
  const run = async (script: string, variables: Record<string, string> = {}): Promise<string> => {
    const source = `import { startBackend } from ${module}; ${script}`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", source], {
      env: { ...process.env, ...variables },
      timeout: 120_000,
    });
    return stdout.trim();
  };
  const calculate = `const { tf } = await startBackend("webgpu");
    const square = tf.square(tf.tensor1d([1, 2, 3]));
    console.log((await square.data()).join());`;

  it.each([
    ["when its work is done", ""],
    ["by process.exit", "process.exit(0)"],
    ["with work on its way", "tf.square(square).data()"],
  ])("ends cleanly after webgpu %s", async (_, ending) => {
    expect(await run(`${calculate} ${ending}`)).toBe("1,4,9");
  });

  it("has the environment it had before", async () => {
    const before = await run("console.log(JSON.stringify(process.env))");
    const after = await run(`await startBackend("webgpu"); console.log(JSON.stringify(process.env))`);
    expect(JSON.parse(after)).toEqual(JSON.parse(before));
  });

  it("names what is missing where there is no adapter", async () => {
    // Drivers that somebody has chosen himself are left as they are.
    const script = `await startBackend("webgpu").catch(({ code, message, remedy }) => console.log(code, message, remedy))`;
    const said = await run(script, { VK_DRIVER_FILES: "/nowhere", VK_ICD_FILENAMES: "/nowhere" });
    expect(said).toMatch(/^environment WebGPU finds no adapter: .*apt-get install libvulkan1 chromium/);
  });

  it("writes nothing else, on any backend", async () => {
    const source = `import { startBackend } from ${module};
      for (const name of ["cpu", "wasm", "webgpu"]) await (await startBackend(name)).tf.square(2).data();`;
    const child = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", source]);
    expect(child).toMatchObject({ stdout: "", stderr: "" });
  });
});

describe("the name of an adapter", () => {
  it.each<[name: string, kind: Adapter["kind"]]>([
    ["ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)", "software"],
    ["ANGLE (Mesa, llvmpipe (LLVM 15.0.6, 256 bits), OpenGL 4.5)", "software"],
    ["llvmpipe (LLVM 19.1.7, 256 bits), lavapipe", "software"],
    ["ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0, D3D11)", "software"],
    ["Mesa softpipe", "software"],
    ["Apple Software Renderer", "software"],
    ["ANGLE (NVIDIA, Vulkan 1.3.277 (NVIDIA H100 80GB HBM3 (0x00002330)), NVIDIA)", "gpu"],
    ["ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)", "gpu"],
    ["ANGLE (AMD, AMD Radeon RX 7900 XTX (RADV NAVI31), Vulkan)", "gpu"],
    ["ANGLE (Apple, ANGLE Metal Renderer: Apple M3 Pro, Unspecified Version)", "gpu"],
    ["Mali-G78", "gpu"],
    ["GeForce GTX 980, or similar", "gpu"],
    ["Adreno (TM) 650", "gpu"],
    ["ANGLE (Google, WARP, D3D11)", "software"],
    ["GDI Generic", "software"],
    ["WebKit WebGL", "unknown"],
    ["Mozilla", "unknown"],
    ["mesa", "unknown"],
    ["Generic Renderer", "unknown"],
    ["a charming new card", "unknown"],
    ["", "unknown"],
  ])("%j is %s", (name, kind) => {
    expect(graphicsAdapter(name, false).kind).toBe(kind);
    expect(graphicsAdapter(name, true).kind).toBe("software");
  });

  it("is put together from what WebGPU says", () => {
    const card = { vendor: "nvidia", architecture: "hopper", device: "", description: "", isFallbackAdapter: false };
    expect(webgpuAdapter(card)).toEqual({ name: "nvidia, hopper", kind: "gpu" });
    expect(webgpuAdapter({ ...card, isFallbackAdapter: true })).toEqual({ name: "nvidia, hopper", kind: "software" });
    expect(webgpuAdapter({ ...card, vendor: "google", architecture: "swiftshader" }).kind).toBe("software");
    expect(webgpuAdapter({ ...card, vendor: "", architecture: "" })).toEqual({
      name: "an adapter without a name",
      kind: "unknown",
    });
    expect(webgpuAdapter({ ...card, vendor: "microsoft", architecture: "warp" }).kind).toBe("software");
  });
});
