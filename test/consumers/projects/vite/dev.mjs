/** Vite's development server, isolated so that training may share memory. Before version 8 it must leave proxbit alone. */
const [vite] = process.argv.slice(2);
const { createServer } = await import(vite);

const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const optimizeDeps = vite === "vite8" ? {} : { exclude: ["proxbit"] };
const options = { headers, port: 0, host: "127.0.0.1", hmr: false, fs: { allow: ["../.."] } };
const server = await createServer({ configFile: false, optimizeDeps, server: options });
await server.listen();
console.log(`http://127.0.0.1:${server.httpServer.address().port}`);
