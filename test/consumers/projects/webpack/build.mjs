/** Webpack knows addresses of files and of workers without a setting. */
import { copyFileSync } from "node:fs";
import webpack from "webpack";

const done = await new Promise((resolve, reject) => {
  const output = { path: `${import.meta.dirname}/out`, module: true };
  const options = { mode: "production", entry: "./page.js", output, experiments: { outputModule: true } };
  webpack({ ...options, context: import.meta.dirname }, (error, stats) => (error ? reject(error) : resolve(stats)));
});
if (done.hasErrors()) throw new Error(done.toString("errors-only"));
copyFileSync("page.html", "out/index.html");
