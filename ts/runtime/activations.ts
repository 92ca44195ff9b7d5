/** The elementwise functions by the numbers that the core's `activation_forward` and `activation_backward` take. */
export const ACTIVATION_NUMBERS = { relu: 0, hardTanh: 1 } as const;
