/**
 * The files in a zip archive (PKWARE's APPNOTE), such as npz. fflate unpacks; the checksums that it leaves unread are
 * compared here. An archive is refused where it would grow beyond a bound.
 */
import { ProxbitError } from "../../base/errors.ts";
import { printable } from "../../base/text.ts";
import { crc32 } from "../../images/crc32.ts";
import { MOST_GROWTH } from "../../images/deflate.ts";

const END = 0x06054b50;
const ENTRY = 0x02014b50;

/**
 * @param maximumBytes the most bytes of all files together, unpacked.
 * @throws ProxbitError "data" for an archive that is damaged or short, or that holds more.
 */
export async function unzip(
  bytes: Uint8Array,
  maximumBytes: number,
  what: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const damaged = (why: string, cause?: unknown) =>
    new ProxbitError("data", `${what} is no sound zip archive: ${why}`, "Save or copy the file again.", { cause });
  const { unzipSync } = await import("fflate");
  let total = 0;
  let files: Readonly<Record<string, Uint8Array>>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        // Memory is taken by the size that the archive claims, before a byte is unpacked.
        if (size > bytes.length || originalSize > MOST_GROWTH * size) {
          throw damaged(`${printable(name)} is larger than its packed bytes can hold`);
        }
        total += originalSize;
        if (total > maximumBytes) throw damaged(`it unpacks to more than ${maximumBytes} bytes`);
        return true;
      },
    });
  } catch (cause) {
    throw cause instanceof ProxbitError
      ? cause
      : damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const checksums = checksumsOf(bytes);
  const found = new Map<string, Uint8Array>();
  for (const [name, content] of Object.entries(files)) {
    if (checksums.get(name) !== crc32(content)) throw damaged(`the checksum of ${printable(name)} differs`);
    found.set(name, content);
  }
  return found;
}

/** The checksums by name, out of the archive's directory, which stands at its end. */
function checksumsOf(bytes: Uint8Array): ReadonlyMap<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  const checksums = new Map<string, number>();
  if (end < 0) return checksums;
  const count = view.getUint16(end + 10, true);
  for (let entry = 0, at = view.getUint32(end + 16, true); entry < count && at + 46 <= bytes.length; entry++) {
    if (view.getUint32(at, true) !== ENTRY) break;
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [
      number,
      number,
      number,
    ];
    checksums.set(new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name)), view.getUint32(at + 16, true));
    at += 46 + name + extra + comment;
  }
  return checksums;
}
