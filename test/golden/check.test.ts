import { testGolden } from "./holds.ts";

testGolden("check");
