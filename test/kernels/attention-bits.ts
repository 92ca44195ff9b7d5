/** Attention over bits against the kernels over reals, whose every bit it gives. */

import { attentionKinds } from "../../ts/program/attention.ts";
import { attentionScratchBytes, groups, words } from "../../ts/program/kernels.ts";
import fc from "../fast-check.ts";
import { dense, numbers, seeds } from "./arbitrary.ts";
import { overReals, signSizes, sizeTensors } from "./attention-reals.ts";
import { k, type Tensor } from "./bench.ts";
import { sameBits, status } from "./compare.ts";
import { property } from "./property.ts";
import { attentionSizes } from "./token-sizes.ts";

const small = fc.integer({ min: 1, max: 20 });
const tokens = fc.oneof({ arbitrary: small, weight: 4 }, fc.constantFrom(49, 64, 65, 197));
const features = fc.oneof(small, fc.constantFrom(31, 32, 33, 64, 80, 252));

const attention = property(
  "attention of signs in both layouts, with values of signs and of reals",
  fc.record({
    kind: fc.constantFrom(...(Object.keys(attentionKinds) as (keyof typeof attentionKinds)[])),
    ...{ images: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 4 }) },
    ...{ tokens: small, keys: tokens, width: features, valueWidth: features },
    ...{ real: fc.boolean(), seed: seeds, sizes: fc.option(signSizes) },
  }),
  (bench, { real, seed, sizes, ...of }) => {
    const random = numbers(seed);
    const { kind, images, heads, tokens, keys, width, valueWidth } = of;
    const signs = (length: number, size = 1): Float32Array =>
      random.reals(length).map((value) => (value < 0 ? -size : size));
    const q = signs(images * tokens * heads * width, sizes?.[0]);
    const own = signs(images * keys * heads * width, sizes?.[1]);
    const length = images * keys * heads * valueWidth;
    const v = real ? random.reals(length) : signs(length, sizes?.[2]);
    const learned = kind === "elastic" || kind === "sign";
    const parameters = learned ? bench.input(random.between(heads, 0.3 / keys, 3 / keys)) : null;
    const wanted = overReals(bench, of, parameters, [q, own, v]);

    const scratch = bench.output(Float32Array, attentionScratchBytes(keys, width, valueWidth) / 4);
    const [querySize, keySize, valueSize] = sizeTensors(bench, sizes);
    const given = { querySize, keySize, valueSize: real ? null : valueSize };
    const call = { ...of, ...given, kind: attentionKinds[kind], parameters, scratch };
    const values = real ? bench.input(v) : null;
    const operands = [
      [images * tokens, heads * width, q],
      [images * keys, heads * width, own],
      [images * keys, heads * valueWidth, v],
    ] as const;
    const nibbles = operands.map(([rows, count, x]) => {
      const out = bench.output(Uint8Array, rows * groups(count));
      status(
        "sign_nibbles",
        bench.call(k.signNibbles({ shape: bench.shape(dense(rows, count, 1)), x: bench.input(x), out })),
        0,
      );
      return bench.input(out.read());
    });
    const long = operands.map(([rows, count, x]) => {
      const out = bench.output(BigUint64Array, rows * words(count));
      status(
        "sign_words",
        bench.call(k.signWords({ shape: bench.shape(dense(rows, count, 1)), x: bench.input(x), out })),
        0,
      );
      return bench.input(out.read());
    });
    for (const [bits, kernel] of [
      [nibbles, k.attentionNibbles],
      [long, k.attentionWords],
    ] as const) {
      const [queries, keyBits, valueBits] = bits as [Tensor<Uint8Array>, Tensor<Uint8Array>, Tensor<Uint8Array>];
      const out = bench.output(Float32Array, wanted.length);
      const full = { ...call, queries, keyBits, valueBits: real ? null : valueBits, values, out };
      status("attention over bits", bench.call(kernel(full)), 0);
      sameBits("A V", out.read(), wanted);
      const infinite = bench.input(Float32Array.of(3e38));
      const broken = { ...full, querySize: infinite, keySize: infinite };
      status("attention of scores that are not finite", bench.call(kernel(broken)), 1);
    }
  },
  { examples: [false, true].flatMap((real) => attentionSizes.map((of) => ({ ...of, real, sizes: null }))) },
);

export const attentionBitProperties = [attention];
