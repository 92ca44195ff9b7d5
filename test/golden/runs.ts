/**
 * The subject "runs". Each run is made in one place, and some in every place, where they must come out the same. A run's
 * file is kept for the sessions.
 */
import { differences, type Figures, type Subject } from "./figures.ts";
import { courses } from "./list/courses.ts";
import { layers } from "./list/layers.ts";
import { models } from "./list/models.ts";
import { operations } from "./list/operations.ts";
import { optimizers } from "./list/optimizers.ts";
import { quantizers } from "./list/quantizers.ts";
import { tasks } from "./list/tasks.ts";
import { type Place, placeName, places } from "./places.ts";
import { type Made, makeRun, type Run } from "./run.ts";

// A run has its place by its number, so that new ones stand behind all others.
const all: readonly Run[] = [...models, ...tasks, ...quantizers, ...optimizers, ...layers, ...courses, ...operations];
const byName = new Map(all.map((run, index) => [run.name, { run, index }]));
const made = new Map<string, Promise<Made>>();

/** Runs whose files sessions load. */
export const sessionRuns: readonly string[] = all.filter(({ session }) => session).map(({ name }) => name);

/** The run called `name`, in the place whose turn it is; made once. */
export function runCalled(name: string): Promise<Made> {
  const known = made.get(name);
  if (known !== undefined) return known;
  const { run, index } = byName.get(name) ?? unknown(name);
  const result = makeRun(run, places[index % places.length] as Place);
  // Files are kept for the sessions alone.
  if (run.session) made.set(name, result);
  return result;
}

function unknown(name: string): never {
  throw new Error(`there is no golden run "${name}"`);
}

async function make(name: string): Promise<Figures> {
  const { run, index } = byName.get(name) ?? unknown(name);
  const { figures } = await runCalled(name);
  if (!run.everywhere) return figures;
  const others = places.filter((_, place) => place !== index % places.length);
  const parted: Record<string, string> = {};
  for (const place of others) {
    const again = await makeRun(run, place);
    const [first] = differences(figures, again.figures);
    if (first !== undefined) parted[placeName(place)] = first;
  }
  return Object.keys(parted).length === 0 ? figures : { ...figures, "places that differ": parted };
}

export const runs: Subject = { name: "runs", entries: all.map(({ name }) => name), make };
