/**
 * WebGPU for Node: npm's package `webgpu` is Dawn, Chromium's implementation, and is given the place that a browser's
 * has, `navigator.gpu`, where tfjs looks for it. On Linux, Dawn works on any Vulkan driver; SwiftShader, the driver
 * that every Chromium brings and that needs no card, is offered to it beside the machine's own. Dawn sorts adapters
 * by power, so a card comes first.
 */
import { ProxbitError } from "../base/errors.ts";
import { loadPackage } from "./packages.ts";

/** Folders of Chromium and Chrome on Linux: its Vulkan driver lies beside the program. */
const folders: readonly string[] = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/opt/google/chrome",
  "/snap/chromium/current/usr/lib/chromium-browser",
];

/** The variables that the Vulkan loader reads where somebody has chosen drivers himself. */
const choices: readonly string[] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];

/** Once a process, and never let go of: Dawn's objects must not outlive it. */
let dawn: GPU | undefined;

/**
 * Node's `navigator.gpu`; what somebody has put there already stays.
 *
 * @throws ProxbitError "environment" where the package is missing, or no adapter is found.
 */
export async function provideWebgpu(): Promise<GPU> {
  if (navigator.gpu !== undefined) return navigator.gpu;
  if (dawn === undefined) {
    // The name is no literal, so that bundles for pages leave the package out.
    const name: string = "webgpu";
    const { create, globals } = await loadPackage<typeof import("webgpu")>(name, () => import(/* @vite-ignore */ name));
    Object.assign(globalThis, globals);
    dawn = create([]);
  }
  const gpu = dawn;
  const adapter = await withSwiftShader(() => gpu.requestAdapter());
  if (adapter === null) {
    throw new ProxbitError(
      "environment",
      "WebGPU finds no adapter: there is neither a graphics card with a Vulkan driver nor SwiftShader",
      "Install the card's driver, or Chromium, whose SwiftShader needs no card (on Debian: apt-get install libvulkan1 " +
        "chromium); or take the backend wasm or cpu.",
    );
  }
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  return gpu;
}

/** Drivers are looked for at the first request, so the environment says where to look only as long as that takes. */
async function withSwiftShader<T>(request: () => Promise<T>): Promise<T> {
  const driver = choices.some((name) => process.env[name] !== undefined) ? undefined : findSwiftShader();
  if (driver === undefined) return request();
  process.env.VK_ADD_DRIVER_FILES = driver;
  try {
    return await request();
  } finally {
    delete process.env.VK_ADD_DRIVER_FILES;
  }
}

/** SwiftShader's description for the Vulkan loader, of the Chromium at CHROMIUM_PATH or of one in its usual place. */
function findSwiftShader(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const { existsSync, realpathSync } = process.getBuiltinModule("node:fs");
  const { dirname, join } = process.getBuiltinModule("node:path");
  const chosen = process.env.CHROMIUM_PATH;
  const first = chosen !== undefined && existsSync(chosen) ? [dirname(realpathSync(chosen))] : [];
  return [...first, ...folders]
    .map((folder) => join(folder, "vk_swiftshader_icd.json"))
    .find((path) => existsSync(path));
}
