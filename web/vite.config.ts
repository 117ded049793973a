// How the editor is built and served while one works on it: one entry, hashed assets, no source maps in what is shipped.
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = process.env.LATENTLOOM_URL ?? "http://127.0.0.1:8188";
const socket = server.replace(/^http/, "ws");
// The server takes changes from its own page only; for it, what comes through here is that page.
const headers = { origin: new URL(server).origin };

/** What the editor asks the server for, by how its address begins. */
const ASKED = ["/api", "/view", "/upload", "/models", "/experiment", "/internal"];

/**
 * Stands in for d3-color, which comes along with React Flow's view: that moves and zooms, and turns no color into
 * another. Four of the kilobytes that a browser fetches before anything is seen.
 */
const colorless: Plugin = {
  name: "colorless",
  enforce: "pre",
  resolveId: (id) => (id === "d3-color" ? "\0colorless" : null),
  load: (id) =>
    id === "\0colorless"
      ? `export const color = () => null;
         const unused = () => { throw new Error("colors are not animated here"); };
         export { unused as cubehelix, unused as hcl, unused as hsl, unused as lab, unused as rgb };`
      : null,
};

export default defineConfig({
  plugins: [react(), colorless],
  base: "/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    assetsInlineLimit: 2048,
    modulePreload: { polyfill: false },
    // One file for all that the first load needs, instead of one for every set of panels that share something.
    rolldownOptions: {
      // Without this, parts of React Flow that are not used stay, as making a component might do something.
      treeshake: { manualPureFunctions: ["memo", "forwardRef", "createContext"] },
      output: {
        codeSplitting: {
          groups: [
            { name: "first", tags: ["$initial"] },
            { name: "runs", test: /[\\/]server[\\/](run|track|previews|socket|jobs|listed|recheck)\.ts$/ },
            {
              name: "panels",
              test: /[\\/]panels[\\/](Panel|JobRow|VirtualList|format|history|jobs|panel|templates)\.\w+$/,
            },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api/loom/ws": { target: socket, ws: true, changeOrigin: true, headers },
      ...Object.fromEntries(ASKED.map((path) => [path, { target: server, changeOrigin: true, headers }])),
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 60_000, reporters: ["default"] },
});
