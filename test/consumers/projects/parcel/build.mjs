/** Parcel reads `exports` of packages where its setting says so. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const manifest = { private: true, type: "module", "@parcel/resolver-default": { packageExports: true } };
writeFileSync("package.json", JSON.stringify({ ...manifest, browserslist: "last 2 Chrome versions" }));
const given = ["build", "index.html", "--dist-dir", "out", "--public-url", "./", "--no-cache"];
execFileSync("../../node_modules/.bin/parcel", given, { stdio: "inherit" });
