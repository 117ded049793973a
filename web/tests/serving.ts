// A real `latentloom serve` for tests, on a free port with a data folder and the probe pack of the server's own tests.
// Knows how it is started, asked and killed, and nothing of what is tested.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { vi } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const PACK = join(ROOT, "tests/server/pack");
/** Long enough for a cold start beside other work on two cores. */
const PATIENCE_MS = 120_000;

export class Serving {
  readonly data = mkdtempSync(join(tmpdir(), "latentloom-web-"));
  url = "";
  private process: ChildProcess | null = null;

  /** Start it, on the port that it had before if it had one; its addresses then stand for the page's own. */
  async start(): Promise<void> {
    const python = process.env.LATENTLOOM_PYTHON ?? join(ROOT, ".venv/bin/python");
    const port = this.url === "" ? "0" : (new URL(this.url).port ?? "0");
    const mine = spawn(
      python,
      ["-P", "-m", "latentloom", "serve", "--port", port, "--data-dir", this.data, "--nodes", PACK],
      {
        cwd: ROOT,
        env: {
          ...process.env,
          OMP_NUM_THREADS: "1",
          LATENTLOOM_NO_WEB: "1",
          PATH: `${join(ROOT, ".venv/bin")}${delimiter}${process.env.PATH}`,
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.process = mine;
    let said = "";
    mine.stderr?.on("data", (data: Buffer) => {
      said = (said + data.toString()).slice(-4000);
    });
    this.url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no server: ${said}`)), PATIENCE_MS);
      mine.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
      mine.stdout?.on("data", (data: Buffer) => {
        const found = /(http:\/\/[\w.:[\]]+)/.exec(data.toString());
        if (found?.[1] === undefined) return;
        clearTimeout(timer);
        resolve(found[1]);
      });
    });
    const direct = globalThis.fetch;
    const { url } = this;
    if (!("ofTests" in direct)) {
      const ours = (address: string, options?: RequestInit) => direct(new URL(address, url), options);
      vi.stubGlobal("fetch", Object.assign(ours, { ofTests: true }));
    }
  }

  get socket(): string {
    return `${this.url.replace(/^http/, "ws")}/api/loom/ws`;
  }

  /** End it at once, as a crash would. */
  async kill(): Promise<void> {
    const mine = this.process;
    this.process = null;
    if (mine === null || mine.exitCode !== null) return;
    const gone = new Promise((resolve) => mine.once("exit", resolve));
    mine.kill("SIGKILL");
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    // Its workers end with it, a moment later.
    await new Promise((resolve) => setTimeout(resolve, 300));
    rmSync(this.data, { recursive: true, force: true, maxRetries: 5 });
    vi.unstubAllGlobals();
  }
}
