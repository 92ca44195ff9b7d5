/**
 * tfjs's backends, started by name, in Node and in pages, each with a word on what it calculates on. tfjs and its
 * backends are packages that the user installs; they are loaded here, when the first backend is started.
 */
import { ProxbitError } from "../base/errors.ts";
import { type WebgpuInfo, webglAdapter, webgpuAdapter } from "./adapter.ts";
import { hostName } from "./host.ts";
import { provideWebgpu } from "./node-webgpu.ts";
import { firstLine, loadPackage } from "./packages.ts";
import type { Adapter, BackendName } from "./report.ts";
import type { TensorFlow } from "./tensorflow.ts";

export interface StartedBackend {
  readonly tf: TensorFlow;
  readonly adapter: Adapter;
  /** tfjs's version. */
  readonly version: string;
  /** "Node 24.21.0", "Chromium 156.0.8078.79". */
  readonly host: string;
}

const starters: Readonly<Record<BackendName, (tf: TensorFlow) => Promise<Adapter>>> = {
  webgl: startWebgl,
  webgpu: startWebgpu,
  wasm: startWasm,
  cpu: startCpu,
};

/**
 * Makes `name` the backend of tfjs, and calculates nothing yet. It may be called again, for the same backend or another.
 *
 * @param given tfjs, where the caller has loaded it already; tfjs's backend packages must share its copy of tfjs-core.
 * @throws ProxbitError "environment" where a package, a graphics driver or what it has to be able to do is missing.
 */
export async function startBackend(name: BackendName, given?: TensorFlow): Promise<StartedBackend> {
  if (name === "webgl" && isNode()) {
    throw new ProxbitError(
      "environment",
      "the backend webgl needs a page, and this is Node",
      "Run `proxbit check --backend webgl`, which opens a page in Chromium; or take webgpu, wasm or cpu.",
    );
  }
  const tf = given ?? (await loadPackage<TensorFlow>("@tensorflow/tfjs", () => import("@tensorflow/tfjs")));
  const adapter = await starters[name](tf);
  return { tf, adapter, version: tf.version.tfjs, host: await hostName() };
}

function isNode(): boolean {
  return globalThis.process?.versions?.node !== undefined;
}

/** @throws ProxbitError "environment" with `remedy` where tfjs cannot start the backend. */
async function activate(tf: TensorFlow, name: BackendName, remedy: string): Promise<void> {
  let cause: unknown;
  const started = await tf.setBackend(name).catch((error: unknown) => {
    cause = error;
    return false;
  });
  if (started) return;
  const why = cause === undefined ? "" : `: ${firstLine(cause)}`;
  throw new ProxbitError("environment", `tfjs could not start its backend ${name}${why}`, remedy, { cause });
}

/** A backend package registers itself with the copy of tfjs-core that it finds, and only where it can run. */
function requireRegistered(tf: TensorFlow, name: BackendName): void {
  // Typed as a function; it is null where nothing is registered.
  const factory: unknown = tf.findBackendFactory(name);
  if (factory !== null && factory !== undefined) return;
  throw new ProxbitError(
    "environment",
    `@tensorflow/tfjs-backend-${name} has not registered itself with this copy of tfjs`,
    `Install one version of @tensorflow/tfjs and of @tensorflow/tfjs-backend-${name}, let no bundle hold tfjs-core twice, ` +
      "and leave importing the backend to proxbit.",
  );
}

async function startWebgl(tf: TensorFlow): Promise<Adapter> {
  const remedy =
    "Turn on hardware acceleration, start the browser with --enable-unsafe-swiftshader, or take wasm or cpu.";
  // Else tfjs takes no context that the browser calculates on the processor.
  tf.env().set("SOFTWARE_WEBGL_ENABLED", true);
  if (tf.env().getNumber("WEBGL_VERSION") === 0) {
    throw new ProxbitError("environment", "this page has no WebGL", remedy);
  }
  await activate(tf, "webgl", remedy);
  const flags = tf.env();
  if (!flags.getBool("WEBGL_RENDER_FLOAT32_ENABLED") || flags.getBool("WEBGL_FORCE_F16_TEXTURES")) {
    throw new ProxbitError(
      "environment",
      "WebGL calculates in 16-bit floats here, which cannot be compared with 32-bit ones",
      "Use a card and a browser whose WebGL renders to 32-bit float textures, leave tfjs's flag " +
        "WEBGL_FORCE_F16_TEXTURES alone, or take the backend wasm or cpu.",
    );
  }
  const { gpgpu } = tf.backend() as unknown as { readonly gpgpu: { readonly gl: WebGL2RenderingContext } };
  return webglAdapter(gpgpu.gl);
}

async function startWebgpu(tf: TensorFlow): Promise<Adapter> {
  const gpu: GPU | undefined = isNode() ? await provideWebgpu() : navigator.gpu;
  const remedy = "Update the browser and the card's driver; Chromium's --enable-unsafe-webgpu offers SwiftShader.";
  if (gpu === undefined) {
    throw new ProxbitError("environment", "this page has no WebGPU (navigator.gpu)", remedy);
  }
  const name = "@tensorflow/tfjs-backend-webgpu";
  await loadPackage(name, () => import("@tensorflow/tfjs-backend-webgpu"));
  requireRegistered(tf, "webgpu");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    throw new ProxbitError("environment", "WebGPU offers no adapter", remedy);
  }
  await activate(tf, "webgpu", remedy);
  // Older browsers tell of a device's adapter only before there is a device.
  const { device } = tf.backend() as unknown as { readonly device: { readonly adapterInfo?: WebgpuInfo } };
  return webgpuAdapter(device.adapterInfo ?? adapter.info);
}

const wasmFiles: readonly string[] = [
  "tfjs-backend-wasm.wasm",
  "tfjs-backend-wasm-simd.wasm",
  "tfjs-backend-wasm-threaded-simd.wasm",
];

/** On one thread, in Node and in pages alike. */
async function startWasm(tf: TensorFlow): Promise<Adapter> {
  const name = "@tensorflow/tfjs-backend-wasm";
  const wasm = await loadPackage(name, () => import("@tensorflow/tfjs-backend-wasm"));
  requireRegistered(tf, "wasm");
  // What is started already keeps its files, and says so by an error.
  if (!("wasm" in tf.engine().registry)) {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    const folder = locateWasm();
    if (folder !== undefined) wasm.setWasmPaths(Object.fromEntries(wasmFiles.map((file) => [file, folder + file])));
  }
  await activate(tf, "wasm", "Serve the .wasm files of the package and tell it where, by its function setWasmPaths.");
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  return { name: simd === true ? "WebAssembly SIMD" : "WebAssembly", kind: "cpu" };
}

/**
 * The folder of the package's .wasm files: a path in Node, an address in a page that resolves names of packages.
 * Undefined in other pages, where tfjs looks beside its script unless it was told another place.
 */
function locateWasm(): string | undefined {
  const module = globalThis.process?.getBuiltinModule?.("node:module");
  if (module !== undefined) {
    return module
      .createRequire(import.meta.url)
      .resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm")
      .replace(/[^/\\]*$/, "");
  }
  try {
    return import.meta.resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm").replace(/[^/]*$/, "");
  } catch {
    return undefined;
  }
}

async function startCpu(tf: TensorFlow): Promise<Adapter> {
  await activate(tf, "cpu", "Import @tensorflow/tfjs whole: it brings this backend.");
  // With its first tensor this backend advertises another package on Node's standard error, except in production mode.
  const production = tf.env().getBool("PROD");
  tf.env().set("PROD", true);
  tf.zeros([1]).dispose();
  tf.env().set("PROD", production);
  return { name: "JavaScript", kind: "cpu" };
}
