import { testGolden } from "./holds.ts";

// Sessions run files that the runs have made.
testGolden("runs");
testGolden("sessions");
