// Texts that users read, by dotted key and language. English is part of the program, all but what panels, menus and
// dialogs say, which comes with the first of them; another language is fetched when it is chosen, and English stands in
// for what it lacks. Knows no store: whoever keeps the choice calls setLanguage.

import { useSyncExternalStore } from "react";

export type Language = "en" | "zh-CN";
type Texts = Record<string, string>;

export const LANGUAGES: readonly { id: Language; name: string }[] = [
  { id: "en", name: "English" },
  { id: "zh-CN", name: "简体中文" },
];

const english: Texts = Object.assign(
  {},
  ...Object.values(
    import.meta.glob<Texts>(["./i18n/*.en.json", "!./i18n/later.en.json"], { eager: true, import: "default" }),
  ),
);

let language: Language = "en";
let texts: Texts = english;
const listeners = new Set<() => void>();

/**
 * Return the text of a key with `{name}` replaced by params. A text of the form "one | many" is chosen by `n`.
 * An unknown key is returned as it is, so that it is seen.
 */
export function t(key: string, params?: Record<string, string | number>): string {
  let text = texts[key] ?? english[key] ?? key;
  if (params === undefined) return text;
  if ("n" in params && text.includes(" | ")) {
    const [one, many] = text.split(" | ");
    text = (params.n === 1 ? one : many) ?? text;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole));
}

/** Fetch what panels, menus and dialogs say; to be awaited before one is drawn. */
export async function loadTexts(): Promise<void> {
  Object.assign(english, (await import("./i18n/later.en.json")).default);
}

/** Tell whether there is a text for the key, in English at least. */
export function hasText(key: string): boolean {
  return key in english;
}

export function currentLanguage(): Language {
  return language;
}

/** Change the language; what is on screen follows when its texts have arrived. */
export async function setLanguage(wanted: Language): Promise<void> {
  const loaded = wanted === "en" ? english : (await import("./i18n/zh")).chinese;
  language = wanted;
  texts = loaded;
  if (typeof document !== "undefined") document.documentElement.lang = wanted;
  for (const listener of listeners) listener();
}

/** The language in use; the component is drawn again when it changes. */
export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, currentLanguage);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
