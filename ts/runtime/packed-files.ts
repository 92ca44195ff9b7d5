/** Files inside a script: the core as text, and the script of workers. Only `scripts/build-inline.ts` imports this. */

/** The bytes of a gzip file in base64. */
export async function unpack(text: string): Promise<ArrayBuffer | Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib !== undefined) return new Uint8Array(zlib.gunzipSync(bytes));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const addresses = new Map<string, string>();

/** The address of a script of this page. It is kept as long as the page. */
export function addressOfScript(text: string): URL {
  const address = addresses.get(text) ?? URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  addresses.set(text, address);
  return new URL(address);
}
