/**
 * The half of inference that most networks do without: all other operations, the other forms of products, and the checks of both
 * and of schedules.
 */
import { takeEvery } from "../nn/every.ts";
import { inferenceOps } from "./ops/all.ts";
import { takeOps } from "./ops/index.ts";
import { accumulated } from "./product/accumulated.ts";
import { elastic } from "./product/elastic.ts";
import { takeElastic } from "./product/elastic-parts.ts";
import { grouped } from "./product/grouped.ts";
import { takeForms } from "./product/index.ts";
import { levels } from "./product/levels.ts";
import { mixed } from "./product/mixed.ts";
import { signs } from "./product/signs.ts";

/** Takes it in. */
export function takeOtherHalf(): void {
  takeEvery();
  takeOps(inferenceOps);
  takeElastic(elastic);
  takeForms({ forms: { accumulated, levels, mixed, signs }, grouped });
}
