// Weights in prompts, choices searched, names of files, JSON that is typed, links in notes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { searchOptions } from "../src/widgets/choice";
import { safe } from "../src/widgets/markdown";
import { maskName } from "../src/widgets/mask_picture";
import { filePlace, fileValue } from "../src/widgets/media";
import { readJson } from "../src/widgets/text";
import { changeWeight } from "../src/widgets/weights";

/** Press a key on a text in which "[" and "]" mark the selection, "|" the caret. */
function press(marked: string, delta: number): string | null {
  const start = marked.search(/[[|]/);
  const end = marked.includes("]") ? marked.indexOf("]") - 1 : start;
  const text = marked.replace(/[[\]|]/g, "");
  const change = changeWeight(text, start, end, delta);
  if (change === null) return null;
  const next = text.slice(0, change.from) + change.text + text.slice(change.to);
  return `${next.slice(0, change.start)}[${next.slice(change.start, change.end)}]${next.slice(change.end)}`;
}

describe("weights", () => {
  test.each([
    ["a [red] fox", 0.05, "a ([red]:1.05) fox"],
    ["a ([red]:1.05) fox", 0.05, "a ([red]:1.1) fox"],
    ["a ([red]:1.05) fox", -0.05, "a [red] fox"],
    ["a [red] fox", -0.05, "a ([red]:0.95) fox"],
    ["a [(red:1.2)] fox", 0.1, "a ([red]:1.3) fox"],
    ["a r|ed fox", 0.05, "a ([red]:1.05) fox"],
    ["a (r|ed:1.2) fox", 0.05, "a ([red]:1.25) fox"],
    ["a ([red]) fox", 0.05, "a ([red]:1.15) fox"],
    ["a [red ]fox", 0.05, "a ([red]:1.05) fox"],
    ["[red fox, snow]", 0.05, "([red fox, snow]:1.05)"],
    ["a ([a (b:1.1) c]:1.2)", 0.05, "a ([a (b:1.1) c]:1.25)"],
    ["a \\([red]\\) fox", 0.05, "a \\(([red]:1.05)\\) fox"],
    ["([one]) and (two)", 0.05, "([one]:1.15) and (two)"],
    ["(a [red] fox:1.2)", 0.05, "(a ([red]:1.05) fox:1.2)"],
    ["a [(red:]1.2) fox", 0.05, "a ([red]:1.25) fox"],
    ["[a (red]:1.2) fox", 0.05, "([a (red:1.2)]:1.05) fox"],
    ["a (r[ed:1.2) fox]", -0.05, "a ([(red:1.2) fox]:0.95)"],
    ["ein [漂亮的] fuchs", 0.1, "ein ([漂亮的]:1.1) fuchs"],
  ])("%s by %d", (before, delta, after) => expect(press(before, delta)).toBe(after));

  test("nothing is changed where there is no word", () => {
    expect(press("a , | , b", 0.05)).toBeNull();
    expect(press("|", 0.05)).toBeNull();
    expect(press("[a (red]", 0.05)).toBeNull();
    expect(press("[red) a]", 0.05)).toBeNull();
  });
  test("weights stay between 0 and 10", () => {
    expect(press("([x]:0.02)", -0.05)).toBe("([x]:0)");
    expect(press("([x]:9.99)", 0.05)).toBe("([x]:10)");
  });
  test("up and down again gives the text as it was", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", " ", ",", "é", "猫"), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(letters, fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 5 }), (text, one, other, times) => {
        const [start, end] = [Math.min(one, other, text.length), Math.min(Math.max(one, other), text.length)];
        let state = { text, start, end };
        for (const delta of [...Array(times).fill(0.05), ...Array(times).fill(-0.05)]) {
          const change = changeWeight(state.text, state.start, state.end, delta);
          if (change === null) return;
          const next = state.text.slice(0, change.from) + change.text + state.text.slice(change.to);
          state = { text: next, start: change.start, end: change.end };
        }
        expect(state.text).toBe(text);
      }),
    );
  });
});

describe("choices", () => {
  const options = ["euler", "euler_ancestral", "dpmpp_2m", "heun", "sub/anime_v2.safetensors", 512, true];
  test("what begins so comes first, then words within, then letters in order", () => {
    expect(searchOptions(options, "eu")).toEqual(["euler", "euler_ancestral", "heun"]);
    expect(searchOptions(options, "anime")).toEqual(["sub/anime_v2.safetensors"]);
    expect(searchOptions(options, "2d")).toEqual([]);
    expect(searchOptions(options, "d2m")).toEqual(["dpmpp_2m"]);
    expect(searchOptions(options, "51")).toEqual([512]);
  });
  test("every word must be found", () => {
    expect(searchOptions(options, "safe anime")).toEqual(["sub/anime_v2.safetensors"]);
    expect(searchOptions(options, "euler nothing")).toEqual([]);
  });
  test("no question, all options in their order", () => expect(searchOptions(options, "  ")).toBe(options));
});

describe("files", () => {
  test("a value names a file, its folder, and where that lies", () => {
    expect(filePlace("a.png", "input")).toEqual({ filename: "a.png", subfolder: "", type: "input" });
    expect(filePlace("x/y/a.png [output]", "input")).toEqual({ filename: "a.png", subfolder: "x/y", type: "output" });
    expect(filePlace("a [1].png", "input").filename).toBe("a [1].png");
  });
  test("and back", () => {
    const place = fc.record({
      name: fc.stringMatching(/^[a-z0-9 ]{1,8}\.png$/),
      subfolder: fc.constantFrom("", "x", "x/y"),
      type: fc.constantFrom("input" as const, "output" as const, "temp" as const),
    });
    fc.assert(
      fc.property(place, (file) => {
        const { filename, subfolder, type } = filePlace(fileValue(file, "input"), "input");
        expect({ name: filename, subfolder, type }).toEqual(file);
      }),
    );
  });
  test("a mask of a mask has one ending", () => {
    expect(maskName("cat.jpg")).toBe("cat-mask.png");
    expect(maskName("cat-mask.png")).toBe("cat-mask.png");
    expect(maskName("cat-mask (2).png")).toBe("cat-mask.png");
    expect(maskName(".png")).toBe("picture-mask.png");
  });
});

test("JSON that is typed: values, bare words, and what is broken", () => {
  expect(readJson('{"a": [1]}')).toEqual({ a: [1] });
  expect(readJson("3")).toBe(3);
  expect(readJson("euler")).toBe("euler");
  expect(readJson('{"a": ')).toBeUndefined();
  expect(readJson("[1,")).toBeUndefined();
});

test("links in notes lead to pages and run nothing", () => {
  for (const good of ["https://a.org/b", "http://a", "mailto:a@b.c", "#part", "/view", "./a.md", "a/b"]) {
    expect(safe(good), good).toBe(true);
  }
  for (const bad of [
    "javascript:alert(1)",
    " JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "java\nscript:x",
    "//evil.org",
    undefined,
  ]) {
    expect(safe(bad), String(bad)).toBe(false);
  }
});
