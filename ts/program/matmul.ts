/** The most terms of a product of two values of signs: the kernel counts them in 16 bits. */
export const MOST_TERMS = 65535;
