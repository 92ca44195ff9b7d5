/** `proxbit verify`: its answer and its exit code for sound files, old ones and damaged ones. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decode } from "../ts/io/safetensors.ts";
import { layers, sequential } from "../ts/nn/index.ts";
import { blankFile, withoutDigest } from "./blank-models.ts";
import { failureOf, jsonLines, proxbit, resultOf } from "./cli-helpers.ts";
import { withFolder } from "./io-helpers.ts";

const file = blankFile(sequential({ inputShape: [3], name: "tiny" }, [layers.dense({ units: 2 })]));

test("a sound file matches its digest", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "sound.safetensors");
    await writeFile(path, file);
    const { digest } = decode(file).metadata;
    expect(await resultOf("verify", path)).toEqual({
      ...{ type: "result", file: path, verified: true, digest, network: "tiny", layers: 2 },
      packedBytes: file.length,
    });
  });
});

test("a file without a digest is told apart by the exit code 1", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "old.safetensors");
    await writeFile(path, withoutDigest(file));
    const { code, stdout } = await proxbit("verify", path, "--json");
    expect(code).toBe(1);
    expect(jsonLines(stdout)).toMatchObject([{ type: "result", verified: false, digest: null }]);
  });
});

test("a flip of one bit is an error that names the file", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "damaged.safetensors");
    const damaged = file.slice();
    damaged[damaged.length - 2] = 0x40 ^ (damaged.at(-2) as number);
    await writeFile(path, damaged);
    expect((await failureOf("verify", path)).message).toBe(
      `${path}: the model file was changed after it was packed: its content does not match its digest`,
    );
  });
});
