/** Runtimes with a console run this file. */
import { consume } from "./consume.js";

console.log(JSON.stringify(await consume()));
