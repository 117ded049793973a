// Every text that the source asks for is there, and Chinese has exactly what English has, with the same places in it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { commands } from "../src/commands";
import { currentLanguage, hasText, loadTexts, setLanguage, t } from "../src/i18n";

const SOURCE = join(import.meta.dirname, "../src");
const texts = (name: string) => JSON.parse(readFileSync(join(SOURCE, "i18n", name), "utf8")) as Record<string, string>;
const english = readdirSync(join(SOURCE, "i18n")).filter((name) => name.endsWith(".en.json"));

function sources(folder = SOURCE): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) ? [readFileSync(path, "utf8")] : [];
  });
}

const placesOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe("texts", () => {
  beforeAll(loadTexts);

  it("that are asked for by name are there", () => {
    const asked = new Set(
      sources().flatMap((text) => [...text.matchAll(/\bt\("([\w.]+)"/g)].map((match) => match[1] ?? "")),
    );
    expect(asked.size).toBeGreaterThan(200);
    expect([...asked].filter((key) => !hasText(key))).toEqual([]);
  });

  it("name every command", () => {
    const missing = Object.values(commands).filter(
      (command) => !hasText(command.label) || !hasText(`commandGroup.${command.group}`),
    );
    expect(missing.map((command) => command.id)).toEqual([]);
  });

  it.each(english)("of %s are all there in Chinese, with the same places", (name) => {
    const en = texts(name);
    const zh = texts(name.replace(".en.", ".zh."));
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      const wanted = [...new Set(placesOf(text))];
      const found = new Set(placesOf(zh[key] ?? ""));
      expect(
        [...found].filter((place) => !wanted.includes(place)),
        key,
      ).toEqual([]);
    }
  });

  it("are filled in, counted, and change with the language", async () => {
    expect(t("queue.removed", { n: 1 })).toBe("1 job removed.");
    expect(t("queue.removed", { n: 3 })).toBe("3 jobs removed.");
    expect(t("no.such.text")).toBe("no.such.text");
    await setLanguage("zh-CN");
    expect(currentLanguage()).toBe("zh-CN");
    expect(t("queue.removed", { n: 3 })).toBe("已移除 3 个任务。");
    await setLanguage("en");
    expect(t("command.edit.undo")).toBe("Undo");
  });
});
