/** CIFAR-100 (Krizhevsky, 2009) in its binary layout: 50,000 + 10,000 colour images of 32 x 32 in 100 fine classes. */
import { ProxbitError } from "../base/errors.ts";
import { readRecords } from "./cifar.ts";
import type { Dataset, ImageSplit } from "./dataset.ts";
import { type DatasetOptions, readRequired, sourceOf } from "./source.ts";

/** The names of fine_label_names.txt, in its order. */
const CLASSES: readonly string[] = (
  "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly " +
  "camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup " +
  "dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower " +
  "leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid " +
  "otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray " +
  "road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar " +
  "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle " +
  "wardrobe whale willow_tree wolf woman worm"
).split(" ");
const FOLDER = "cifar-100-binary";
const [TRAIN_FILE, TEST_FILE] = ["train.bin", "test.bin"];

const REMEDY = `Unpack the binary version of CIFAR-100 (${FOLDER}) and pass its directory or baseUrl.`;

/**
 * CIFAR-100: photographs, 32 x 32 x 3, bytes scaled to [-1, 1], by their fine classes. `directory` or `baseUrl` is needed.
 *
 * @throws ProxbitError "data" where a file is missing or malformed, or no place is given.
 */
export async function cifar100(options: DatasetOptions = {}): Promise<Dataset<ImageSplit>> {
  const source = sourceOf(options);
  if (source === undefined) {
    throw new ProxbitError("data", "no package carries CIFAR-100: its place must be given", REMEDY);
  }
  const folder = (await source.read(TEST_FILE)) === undefined ? `${FOLDER}/` : "";
  const part = async (name: string): Promise<ImageSplit> => {
    const bytes = await readRequired(source, `${folder}${name}`, REMEDY);
    return readRecords(new Map([[name, bytes]]), 2, CLASSES.length, REMEDY);
  };
  return { name: "cifar100", classes: CLASSES, train: await part(TRAIN_FILE), test: await part(TEST_FILE) };
}
