/** `classify` of a session. All that makes an input of a picture is loaded at the first call, because many pages give numbers. */
import { later } from "../base/later.ts";
import type { PackedModel } from "../io/model-reader.ts";
import type { Classify, ClassifyOptions, Run } from "./classes.ts";
import type { Images } from "./images.ts";

/** `classify` of a session whose `run` is `run`. */
export function createClassify(model: PackedModel, run: Run): Classify {
  const classify = async (source: Images, options: ClassifyOptions & { readonly count: number }) => {
    const { classifierOf } = await later(async () => await import("./classify.ts"));
    return classifierOf(model, run)(source, options);
  };
  return classify as Classify;
}
