/** Pictures that commands write: SVG by itself, and PNG by headless Chromium. */
import { ProxbitError } from "../base/errors.ts";
import { pngOf } from "../chromium/index.ts";
import { checkWritable, writeFileAtomic } from "../io/write.ts";

/** @throws ProxbitError "argument" where the name given to `option` ends otherwise, and as `checkWritable` does. */
export async function checkPicture(path: string, option: string): Promise<void> {
  if (!/\.(svg|png)$/i.test(path)) {
    throw new ProxbitError(
      "argument",
      `${option} is ${path}, neither .svg nor .png`,
      "Let the file's name end in .svg or .png.",
    );
  }
  await checkWritable(path);
}

/** Writes the SVG text, or draws it where the name ends in .png. */
export async function writePicture(path: string, picture: string): Promise<void> {
  const isPng = path.toLowerCase().endsWith(".png");
  await writeFileAtomic(path, isPng ? await pngOf(picture) : new TextEncoder().encode(picture));
}
