/** The version of proxbit that a file names as its producer; a test holds it to the package's. */
export const VERSION = "0.1.0";
