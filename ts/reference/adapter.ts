/** The adapter of a backend, by the names that drivers give: a graphics card, or software that stands in for one. */
import type { Adapter } from "./report.ts";

/**
 * Drivers without a card, as they call themselves: SwiftShader (Chromium), llvmpipe, softpipe, lavapipe and swrast
 * (Mesa), WARP, which is also "Microsoft Basic Render Driver", and GDI's (Windows), and Apple's.
 */
const software = /swiftshader|llvmpipe|softpipe|lavapipe|swrast|\bwarp\b|basic render|gdi generic|software/i;

/** Makers of cards, and names of cards that come without their maker's. */
const cards =
  /\b(nvidia|geforce|quadro|tesla|amd|ati|radeon|intel|apple|arm|mali|immortalis|qualcomm|adreno|samsung|xclipse|img-tec|imagination|powervr|broadcom|videocore|vivante)\b/i;

/**
 * The adapter of that name. It is a graphics card only where the name is of a known maker and of no known software, and
 * the system does not call it a fallback: some browsers hide the name ("WebKit WebGL", "Mozilla").
 */
export function graphicsAdapter(name: string, isFallback: boolean): Adapter {
  const kind = isFallback || software.test(name) ? "software" : cards.test(name) ? "gpu" : "unknown";
  return { name: name === "" ? "an adapter without a name" : name, kind };
}

/** The words of WebGPU for an adapter; browsers leave parts of it empty, and older ones the last away. */
export interface WebgpuInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

/** The adapter of a WebGPU device. */
export function webgpuAdapter(info: WebgpuInfo): Adapter {
  const parts = [info.vendor, info.architecture, info.device, info.description];
  return graphicsAdapter(parts.filter((part) => part !== "").join(", "), info.isFallbackAdapter === true);
}

/** The adapter of a WebGL context: its driver's name where the browser tells, else what it says instead. */
export function webglAdapter(context: WebGLRenderingContext | WebGL2RenderingContext): Adapter {
  const named = context.getExtension("WEBGL_debug_renderer_info");
  const name: unknown = context.getParameter(named === null ? context.RENDERER : named.UNMASKED_RENDERER_WEBGL);
  return graphicsAdapter(typeof name === "string" ? name : "", false);
}
