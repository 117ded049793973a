// All Chinese texts as one file that is fetched when Chinese is chosen. Knows no language but this.

export const chinese: Record<string, string> = Object.assign(
  {},
  ...Object.values(import.meta.glob<Record<string, string>>("./*.zh.json", { eager: true, import: "default" })),
);
