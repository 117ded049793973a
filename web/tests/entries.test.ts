import { beforeEach, describe, expect, it, vi } from "vitest";
import { validSteps } from "../src/store/entries";
import type { StepRecord } from "../src/store/records";
import { freshBrowser, openPage, until } from "./page";

const step = (seq: number, writer: string): StepRecord => ({ id: "d", seq, writer, op: "undo", edits: seq, text: "" });
const names = (steps: StepRecord[]) => steps.map(({ seq, writer }) => `${seq}${writer}`);

describe("the steps that count", () => {
  it("are those of who owned the document then; what came late from another is passed over", () => {
    const records = [step(1, "a"), step(2, "a"), step(3, "a"), step(3, "b"), step(4, "a"), step(4, "b"), step(5, "c")];
    expect(names(validSteps(records, [["a", 0]], 0))).toEqual(["1a", "2a", "3a", "4a"]);
    expect(
      names(
        validSteps(
          records,
          [
            ["a", 0],
            ["b", 2],
            ["c", 4],
          ],
          0,
        ),
      ),
    ).toEqual(["1a", "2a", "3b", "4b", "5c"]);
    // Somebody who took it over and did nothing leaves no trace.
    expect(
      names(
        validSteps(
          records,
          [
            ["a", 0],
            ["c", 2],
            ["b", 2],
          ],
          1,
        ),
      ),
    ).toEqual(["2a", "3b", "4b"]);
  });

  it("end where one is missing", () => {
    const records = [step(1, "a"), step(2, "a"), step(4, "a")];
    expect(names(validSteps(records, [["a", 0]], 0))).toEqual(["1a", "2a"]);
    expect(names(validSteps(records, [["a", 0]], 3))).toEqual(["4a"]);
    expect(
      names(
        validSteps(
          records,
          [
            ["a", 0],
            ["b", 2],
          ],
          2,
        ),
      ),
    ).toEqual([]);
  });
});

describe("a step", () => {
  beforeEach(freshBrowser);

  it("is in the browser's hands when the edit returns, a short one and a long one", async () => {
    const page = await openPage();
    const tab = page.docs.newDoc();
    await until(() => page.docs.backingOf()?.known.size === 1);
    await page.docs.backingOf()?.journal.flush();
    const commits = vi.spyOn(IDBTransaction.prototype, "commit");
    const opened = vi.spyOn(IDBDatabase.prototype, "transaction");
    for (const [length, transactions] of [
      [10, 1],
      [100_000, 9],
    ] as const) {
      opened.mockClear();
      commits.mockClear();
      page.docs.edit(tab, "text", (doc) => {
        doc.rest.text = "x".repeat(length);
      });
      // No answer has come yet: nothing of this waits for the page.
      expect([opened.mock.calls.length, commits.mock.calls.length]).toEqual([transactions, transactions]);
      await page.docs.backingOf()?.journal.flush();
    }
    vi.restoreAllMocks();
    await page.stop();
  });
});
