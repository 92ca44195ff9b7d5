/** The program that a check runs in. */

/** Browsers that tell their full version only in their user agent, by what stands before it there. */
const agents: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["Firefox", /Firefox\/([\d.]+)/],
  ["Chromium", /Chrom(?:e|ium)\/([\d.]+)/],
  ["Safari", /Version\/([\d.]+).*Safari/],
];

interface Brand {
  readonly brand: string;
  readonly version: string;
}

/** Client hints, which Chromium has and the standard library's types have not. */
interface Hints {
  readonly userAgentData?: {
    readonly getHighEntropyValues: (
      names: readonly string[],
    ) => Promise<{ readonly fullVersionList?: readonly Brand[] }>;
  };
}

/** "Node 24.21.0", "Chromium 156.0.8078.79", "Firefox 140.0". */
export async function hostName(): Promise<string> {
  const node = globalThis.process?.versions?.node;
  if (node !== undefined) return `Node ${node}`;
  const hints = await (navigator as Hints).userAgentData?.getHighEntropyValues(["fullVersionList"]);
  const chromium = hints?.fullVersionList?.find(({ brand }) => brand === "Chromium");
  if (chromium !== undefined) return `${chromium.brand} ${chromium.version}`;
  for (const [name, pattern] of agents) {
    const version = pattern.exec(navigator.userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  return navigator.userAgent;
}
