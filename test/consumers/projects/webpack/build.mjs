/** Webpack knows addresses of files and of workers without a setting. */
import { copyFileSync } from "node:fs";
import webpack from "webpack";

const done = await new Promise((resolve, reject) => {
  const output = { path: `${import.meta.dirname}/out` };
  const options = { mode: "production", context: import.meta.dirname, entry: "./page.js", output };
  webpack(options, (error, stats) => (error ? reject(error) : resolve(stats)));
});
if (done.hasErrors()) throw new Error(done.toString("errors-only"));
copyFileSync("page.html", "out/index.html");
