/** Trains the network whose file all consumers run. */
import { train } from "./training.js";

console.log(JSON.stringify(await train()));
