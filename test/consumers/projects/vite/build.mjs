/** Vite's build. Its page has module workers. */
const { build } = await import(process.argv[2]);

await build({ configFile: false, base: "./", build: { outDir: "out", target: "esnext" }, worker: { format: "es" } });
