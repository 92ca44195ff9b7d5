/** All rows, in the order of the table. */
import type { Row } from "../row.ts";
import { bundlers } from "./bundlers.ts";
import { checks } from "./checks.ts";
import { pages } from "./pages.ts";
import { runtimes } from "./runtimes.ts";
import { tests } from "./tests.ts";

export const rows: readonly Row[] = [...runtimes, ...pages, ...bundlers, ...tests, ...checks];
