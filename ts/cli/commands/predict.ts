/** `proxbit predict`: the class of one PNG image, and how sure the network is. */
import { Command } from "commander";
import { readImage } from "../../data/image.ts";
import { largestAt, softmax } from "../classify.ts";
import { bar, percent, printable } from "../format.ts";
import { classNames, loadSession, readModelFile } from "../model-file.ts";
import { addCommonOptions } from "../options.ts";
import type { Context } from "../run.ts";

const BAR_WIDTH = 24;

export function predictCommand(context: Context): Command {
  const command = new Command("predict")
    .summary("classify one PNG image")
    .description("Says which class a PNG image belongs to, with the probabilities of all classes.")
    .argument("<file>", "a model file that proxbit has written")
    .argument("<image.png>", "an image of the size that the network takes");
  return addCommonOptions(command, "proxbit predict mnist.safetensors seven.png").action(
    (file: string, image: string) => predict(file, image, context),
  );
}

async function predict(file: string, image: string, { output }: Context): Promise<void> {
  const session = await loadSession(file, await readModelFile(file));
  const pixels = await readImage(image, session.inputShape);
  const probabilities = softmax(session.run(pixels));
  const names = classNames(session);
  const index = largestAt(probabilities);
  const name = names[index] ?? String(index);
  output.result(
    { class: name, index, probabilities, classes: names },
    chart(names.map(printable), probabilities, index),
  );
}

function chart(names: readonly string[], probabilities: readonly number[], best: number): string {
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name, index) => {
    const share = probabilities[index] ?? 0;
    return `${index === best ? ">" : " "} ${name.padEnd(width)}  ${bar(share, BAR_WIDTH)} ${percent(share).padStart(8)}`;
  });
  return [names[best], ...lines].join("\n");
}
