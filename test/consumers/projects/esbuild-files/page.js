/** The page gives the addresses of the core and of the workers' script. */
import core from "proxbit/wasm/plain-shared.wasm";
import { consume } from "./consume.js";
import { report } from "./report.js";

const source = new URL(core, import.meta.url);
const worker = new URL("./worker.js", import.meta.url);
const variant = "plain-shared";
await report(() => consume({ load: { source, variant }, create: { source, variant, worker } }));
