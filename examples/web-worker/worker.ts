/** The worker holds the model. It is loaded once, and each picture gets the answer of its number. */
import { load, type Session } from "proxbit/inference";
import type { Answer, Question } from "./messages.ts";

let session: Promise<Session> | undefined;

async function loadFrom(address: string): Promise<Session> {
  const response = await fetch(address);
  return load(new Uint8Array(await response.arrayBuffer()));
}

self.addEventListener("message", async ({ data: { number, picture, model } }: MessageEvent<Question>) => {
  session ??= loadFrom(model);
  const [best] = await (await session).classify(picture, { top: 1 });
  picture.close();
  if (best === undefined) return;
  const answer: Answer = { number, label: best.label, probability: best.probability };
  self.postMessage(answer);
});
