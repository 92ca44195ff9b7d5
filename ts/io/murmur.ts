/**
 * MurmurHash3_x86_128 (A. Appleby, public domain), with the seed 0. A change of up to 16 neighbouring bytes always changes
 * the hash. It is no signature, because anybody can make bytes for it. SHA-256 in JavaScript costs some thirty times as
 * much, which a cold start would feel.
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24);

const mixed = (word: number, before: number, by: number, behind: number): number =>
  Math.imul(rotated(Math.imul(word, before), by), behind);

/** The finaliser `fmix32`. */
function finished(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The hash of `bytes`: four words, each of 32 bits. */
export function murmur128(bytes: Uint8Array): Uint32Array {
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  const whole = bytes.length - (bytes.length % 16);
  for (let at = 0; at < whole; at += 16) {
    h1 ^= mixed(wordAt(bytes, at), C1, 15, C2);
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= mixed(wordAt(bytes, at + 4), C2, 16, C3);
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= mixed(wordAt(bytes, at + 8), C3, 17, C4);
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= mixed(wordAt(bytes, at + 12), C4, 18, C1);
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // Zeros behind the end change nothing, because a word 0 is mixed to 0.
  const tail = new Uint8Array(16);
  tail.set(bytes.subarray(whole));
  h1 ^= mixed(wordAt(tail, 0), C1, 15, C2) ^ bytes.length;
  h2 ^= mixed(wordAt(tail, 4), C2, 16, C3) ^ bytes.length;
  h3 ^= mixed(wordAt(tail, 8), C3, 17, C4) ^ bytes.length;
  h4 ^= mixed(wordAt(tail, 12), C4, 18, C1) ^ bytes.length;
  const sum = h1 + h2 + h3 + h4;
  const [f1, f2, f3, f4] = [finished(sum), finished(h2 + sum), finished(h3 + sum), finished(h4 + sum)];
  const total = f1 + f2 + f3 + f4;
  return Uint32Array.of(total, f2 + total, f3 + total, f4 + total);
}
