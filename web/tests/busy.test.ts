import { afterEach, expect, it, vi } from "vitest";
import { busy } from "../src/busy";

const main = { setAttribute: vi.fn() };
afterEach(() => vi.unstubAllGlobals());

const shown = () => main.setAttribute.mock.calls.at(-1);

it("shows that something is under way until all of it has ended, well or badly", async () => {
  vi.stubGlobal("document", { querySelector: () => main });
  let done = () => {};
  const first = busy(new Promise<void>((resolve) => (done = resolve)));
  expect(shown()).toEqual(["aria-busy", "true"]);
  await expect(busy(Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(shown()).toEqual(["aria-busy", "true"]);
  done();
  await first;
  expect(shown()).toEqual(["aria-busy", "false"]);
});

it("gives back what it was given, also where there is no page", async () => {
  expect(await busy(Promise.resolve(5))).toBe(5);
});
