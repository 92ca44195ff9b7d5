/** Pages run this module. It sends its outcome to the address that the page was opened with. */
import { consume } from "./consume.js";
import { report } from "./report.js";

await report(() => consume());
