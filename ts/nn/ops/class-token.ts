/**
 * A learned token in front of all others: `[tokens, features]` to `[tokens + 1, features]`. Dosovitskiy et al., "An Image is
 * Worth 16x16 Words", ICLR 2021, section 3.1, after Devlin et al., "BERT", NAACL 2019.
 */
import { checkTokens } from "../shapes.ts";
import { noFields, operation } from "./op.ts";

export const classToken = operation({
  name: "classToken",
  kind: "class_token",
  inputs: 1,
  fields: noFields,
  shape: ([input], _attributes, layer) => {
    const [tokens, features] = checkTokens(layer, input);
    return [tokens + 1, features];
  },
  parameters: ([input]) => ({ token: { role: "real", shape: [input[1] ?? 0], initializer: "truncatedNormal" } }),
});
