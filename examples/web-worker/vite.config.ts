/** Workers that import modules are modules in the bundle as well. */
import { defineConfig } from "vite";

export default defineConfig({ worker: { format: "es" } });
