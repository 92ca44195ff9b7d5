/** What a backend calculates on, by the names that drivers give: a graphics card, or a processor that stands in for one. */
import type { Adapter } from "./report.ts";

/**
 * Drivers without a card, as they call themselves: SwiftShader (Chromium), llvmpipe, softpipe, lavapipe and swrast
 * (Mesa), WARP, which is "Microsoft Basic Render Driver" (Windows), and Apple's.
 */
const software = /swiftshader|llvmpipe|softpipe|lavapipe|swrast|microsoft basic render|software/i;

/**
 * The adapter of that name. It is a graphics card where it has a name, the name is of no known software, and the system
 * does not call it a fallback.
 */
export function graphicsAdapter(name: string, isFallback: boolean): Adapter {
  if (name === "") return { name: "an adapter without a name", kind: "software" };
  return { name, kind: isFallback || software.test(name) ? "software" : "gpu" };
}

/** What WebGPU says of an adapter; browsers leave parts of it empty, and older ones the last away. */
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
