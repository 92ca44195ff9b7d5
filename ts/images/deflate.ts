/** The most that Deflate (RFC 1951) can make of a byte: 258 bytes of two bits. */
export const MOST_GROWTH = 1032;
