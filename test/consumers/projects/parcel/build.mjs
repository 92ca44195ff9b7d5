/** Parcel reads `exports` of packages where package.json above says so ("@parcel/resolver-default"). */
import { execFileSync } from "node:child_process";

const given = ["build", "index.html", "--dist-dir", "out", "--public-url", "./", "--no-cache"];
execFileSync("../../node_modules/.bin/parcel", given, { stdio: "inherit" });
