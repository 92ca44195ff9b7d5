/** Workers of pages: scripts of another origin, and what the page's policy forbids. */

/** A blob that imports a script, by the script's address. One serves all workers, and is kept for later ones. */
const importers = new Map<string, string>();

/**
 * The worker that `start` makes. A page may not start a script of another origin, such as a library on a server of
 * its own. But a script of the page may import one. So it starts a blob then, which imports the script at `address`.
 */
export function startImporter(start: () => Worker, address: URL): Worker {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "SecurityError")) throw error;
    const text = `import ${JSON.stringify(address.href)};`;
    const blob = importers.get(text) ?? URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    importers.set(text, blob);
    return new Worker(blob, { type: "module" });
  }
}

export interface PolicyWatch {
  /** Tells which directive of the Content Security Policy forbade a worker, or null, once the browser had time to. */
  readonly violated: (listener: (directive: string | null) => void) => void;
  readonly end: () => void;
}

/** The directives that workers fall under, the nearest first. */
const DIRECTIVES = /^(worker|child|script|default)-src/;

/** Notes whether the page's policy forbids a worker, from now on. */
export function watchPolicy(): PolicyWatch {
  let directive: string | null = null;
  const note = (event: SecurityPolicyViolationEvent): void => {
    if (DIRECTIVES.test(event.effectiveDirective)) directive = event.effectiveDirective;
  };
  const end = (): void => globalThis.removeEventListener?.("securitypolicyviolation", note);
  globalThis.addEventListener?.("securitypolicyviolation", note);
  return {
    violated: (listener) => {
      // The two events have no order.
      setTimeout(() => {
        end();
        listener(directive);
      }, 50);
    },
    end,
  };
}
