// How the editor is built and served while one works on it: one entry, hashed assets, no source maps in what is shipped.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.LATENTLOOM_URL ?? "http://127.0.0.1:8188";
const socket = server.replace(/^http/, "ws");
// The server takes changes from its own page only; for it, what comes through here is that page.
const headers = { origin: new URL(server).origin };

export default defineConfig({
  plugins: [react()],
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
      output: {
        codeSplitting: {
          groups: [
            { name: "first", tags: ["$initial"] },
            {
              name: "panels",
              test: /[\\/]panels[\\/](Panel|JobRow|VirtualList|format|history|jobs|panel|templates)\.\w+$/,
            },
            { name: "zh", test: /[\\/]i18n[\\/][^\\/]*\.zh\.json$/ },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api/loom/ws": { target: socket, ws: true, changeOrigin: true, headers },
      "/api": { target: server, changeOrigin: true, headers },
      "/view": { target: server, changeOrigin: true, headers },
      "/upload": { target: server, changeOrigin: true, headers },
      "/object_info": { target: server, changeOrigin: true, headers },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 60_000, reporters: ["default"] },
});
