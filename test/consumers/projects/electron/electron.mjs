/** Electron's main process, which is Node with Chromium's engine. */
import { app } from "electron";
import { consume } from "./consume.js";

app.disableHardwareAcceleration();
await app.whenReady();
console.log(JSON.stringify(await consume()));
app.exit(0);
