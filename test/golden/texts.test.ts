import { testGolden } from "./holds.ts";

testGolden("texts");
