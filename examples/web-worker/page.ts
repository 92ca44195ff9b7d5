/** The page draws. It sends a picture after each stroke and never waits, because the worker does the work. */
import type { Answer, Question } from "./messages.ts";

const canvas = document.querySelector("canvas") as HTMLCanvasElement;
const output = document.querySelector("output") as HTMLOutputElement;
const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
/** Beside the page. A worker of a bundle lies elsewhere, and would look there. */
const model = new URL("digits.safetensors", document.baseURI).href;
let asked = 0;

/** Digits of MNIST are white on black. */
function clear(): void {
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  output.textContent = "nothing yet";
  // Answers to earlier pictures are out of date.
  asked++;
}

async function ask(): Promise<void> {
  const number = ++asked;
  const picture = await createImageBitmap(canvas);
  const question: Question = { number, picture, model };
  worker.postMessage(question, [picture]);
}

worker.addEventListener("message", ({ data: { number, label, probability } }: MessageEvent<Answer>) => {
  if (number === asked) output.textContent = `${label}, ${Math.round(100 * probability)} %`;
});

canvas.addEventListener("pointermove", ({ offsetX, offsetY, buttons }) => {
  if (buttons === 0) return;
  context.fillStyle = "white";
  context.beginPath();
  context.arc(offsetX, offsetY, 12, 0, 2 * Math.PI);
  context.fill();
});
canvas.addEventListener("pointerup", () => void ask());
document.querySelector("button")?.addEventListener("click", clear);
clear();
