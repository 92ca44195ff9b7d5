/**
 * Files inside a script: the builds of the core as text, and the script of workers. Only `scripts/build-inline.ts` imports
 * this module.
 *
 * Builds have most of their code in common. So only the first, `plain`, is there as a whole. Each other one is a difference
 * from it, a list of parts: so many new bytes, then so many from a place of the whole. Numbers are unsigned LEB128.
 */
import { joined } from "../base/arrays.ts";
import type { Variant } from "./variants.ts";

/** Each file is gzipped and in base64. */
export type PackedCores = Readonly<Record<Variant, string>>;

/** The bytes of a build. */
export async function unpackCore(cores: PackedCores, variant: Variant): Promise<Uint8Array<ArrayBuffer>> {
  const plain = await unpack(cores.plain);
  return variant === "plain" ? plain : patched(plain, await unpack(cores[variant]));
}

async function unpack(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib !== undefined) return new Uint8Array(zlib.gunzipSync(bytes));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The bytes that `difference` makes of `base`. */
export function patched(base: Uint8Array, difference: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let at = 0;
  const next = (): number => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = difference[at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < difference.length) {
    const fresh = next();
    parts.push(difference.subarray(at, at + fresh));
    at += fresh;
    const place = next();
    parts.push(base.subarray(place, place + next()));
  }
  return joined(parts);
}

const addresses = new Map<string, string>();

/** The address of a script of this page. It is kept as long as the page. */
export function addressOfScript(text: string): URL {
  const address = addresses.get(text) ?? URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  addresses.set(text, address);
  return new URL(address);
}
