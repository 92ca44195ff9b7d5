/**
 * Small gray images in a terminal, two pixels a character, by the half block "▀". The upper pixel has the foreground's
 * colour, the lower one the background's. Without colour, a threshold gives black and white.
 */

const HALF_BLOCKS = [" ", "▄", "▀", "█"] as const;
/** The gray ramp of the 256-colour palette. */
const DARKEST = 232;
const GRAYS = 24;

/** The lines that show `image`, `[height, width]` bytes. `crop` rows and columns are left out on each side. */
export function drawGray(
  image: Uint8Array,
  height: number,
  width: number,
  crop: number,
  colour: boolean,
): readonly string[] {
  const pixel = (y: number, x: number): number => (y < height - crop ? (image[y * width + x] ?? 0) : 0);
  const columns = Array.from({ length: width - 2 * crop }, (_, column) => column + crop);
  const rows = Array.from({ length: Math.ceil((height - 2 * crop) / 2) }, (_, row) => 2 * row + crop);
  return rows.map((y) => {
    const cells = columns.map((x) => {
      const [upper, lower] = [pixel(y, x), pixel(y + 1, x)];
      if (!colour) return HALF_BLOCKS[(upper >> 7) * 2 + (lower >> 7)];
      const gray = (value: number): number => DARKEST + Math.floor((value * GRAYS) / 256);
      return `\x1b[38;5;${gray(upper)};48;5;${gray(lower)}m▀`;
    });
    return `${cells.join("")}${colour ? "\x1b[0m" : ""}`;
  });
}

interface Captioned {
  readonly lines: readonly string[];
  /** Characters that a line takes on the screen. */
  readonly width: number;
  readonly caption: string;
}

/** Pictures of one height beside one another, each above its caption. */
export function sideBySide(pictures: readonly Captioned[]): string {
  const gap = "  ";
  const height = Math.max(...pictures.map(({ lines }) => lines.length));
  const rows = Array.from({ length: height }, (_, row) => pictures.map(({ lines }) => lines[row] ?? "").join(gap));
  const captions = pictures.map(({ caption, width }) => caption.padEnd(width)).join(gap);
  return [...rows, captions.trimEnd()].join("\n");
}
