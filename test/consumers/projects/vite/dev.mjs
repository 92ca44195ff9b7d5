/** Vite's development server, isolated so that training may share memory. */
const { createServer } = await import(process.argv[2]);

const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const server = await createServer({ configFile: false, server: { headers, port: 0, host: "127.0.0.1", hmr: false } });
await server.listen();
console.log(`http://127.0.0.1:${server.httpServer.address().port}`);
