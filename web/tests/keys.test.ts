// The tables of keys: complete against the list of habits, free of double meanings, changed by the user's choices.

import { describe, expect, it } from "vitest";
import { commands } from "../src/commands";
import { bindingsOf, conflicts, keysOfEvent } from "../src/keys";

const HABITS: Record<string, string> = {
  "Ctrl+Enter": "run.queue",
  "Ctrl+Shift+Enter": "run.front",
  "Ctrl+Alt+Enter": "run.interrupt",
  "Ctrl+Z": "edit.undo",
  "Ctrl+Y": "edit.redo",
  "Ctrl+Shift+Z": "edit.redo",
  "Ctrl+S": "file.save",
  "Ctrl+O": "file.open",
  "Ctrl+A": "edit.selectAll",
  "Ctrl+C": "edit.copy",
  "Ctrl+V": "edit.paste",
  "Ctrl+Shift+V": "edit.pasteLinked",
  Delete: "edit.delete",
  Backspace: "edit.delete",
  R: "types.refresh",
  Q: "panel.queue",
  F: "view.focus",
  "Alt+Shift+M": "view.minimap",
  "Ctrl+Shift+K": "panel.keys",
  "?": "panel.keys",
  "Ctrl+B": "node.bypass",
  "Ctrl+M": "node.mute",
  "Alt+C": "node.collapse",
  P: "node.pin",
  "Ctrl+G": "group.add",
  "Ctrl+J": "group.add",
  "Ctrl+Shift+E": "subgraph.make",
  Escape: "view.escape",
  ".": "view.fit",
  "Alt+=": "view.zoomIn",
  "Alt++": "view.zoomIn",
  "Alt+-": "view.zoomOut",
  V: "view.select",
  H: "view.hand",
  W: "panel.workflows",
  N: "panel.nodes",
  M: "panel.models",
  A: "panel.gallery",
  "Ctrl+,": "panel.settings",
  "Alt+M": "view.form",
  "Ctrl+`": "view.log",
  "Ctrl+D": "file.default",
  Tab: "search.open",
  "Shift+A": "search.open",
  "Ctrl+Shift+D": "edit.duplicateLinked",
  "Ctrl+Shift+F": "node.arrange",
  ArrowLeft: "node.left",
  ArrowDown: "node.down",
};

describe("keys", () => {
  it.each(Object.entries(HABITS))("%s means %s", (keys, command) => {
    const found = bindingsOf("comfy", {}).filter((binding) => binding.keys === keys);
    expect(found.map((binding) => binding.command)).toEqual([command]);
  });

  it.each(["comfy", "blender"] as const)("of %s name commands that there are, each key once", (preset) => {
    const bindings = bindingsOf(preset, {});
    for (const { command } of bindings) expect(commands, command).toHaveProperty([command]);
    expect([...conflicts(bindings)]).toEqual([]);
  });

  it("of Blender replace ComfyUI's meaning of a key and nothing else", () => {
    const blender = new Map(bindingsOf("blender", {}).map((binding) => [binding.keys, binding.command]));
    expect(blender.get("M")).toBe("node.mute");
    expect(blender.get("Ctrl+M")).toBe("node.mute");
    expect(blender.get("Ctrl+D")).toBe("edit.duplicate");
    expect(blender.get("Ctrl+Enter")).toBe("run.queue");
  });

  it("chosen by the user stand in place of the preset's, and an empty list takes them away", () => {
    const bindings = bindingsOf("comfy", { "node.bypass": ["K"], "node.mute": [] });
    const of = (command: string) => bindings.filter((one) => one.command === command).map((one) => one.keys);
    expect(of("node.bypass")).toEqual(["K"]);
    expect(of("node.mute")).toEqual([]);
    expect(of("node.pin")).toEqual(["P"]);
  });

  it("that mean two things are found", () => {
    const found = conflicts(bindingsOf("comfy", { "node.bypass": ["P"] }));
    expect(found.get("P")?.sort()).toEqual(["node.bypass", "node.pin"]);
  });

  it("are named by what is pressed, letters by their place while Alt makes other signs of them", () => {
    const press = (init: Partial<KeyboardEvent>) =>
      keysOfEvent({
        ctrlKey: false,
        metaKey: false,
        altKey: false,
        shiftKey: false,
        code: "",
        ...init,
      } as KeyboardEvent);
    expect(press({ key: "k", ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+K");
    expect(press({ key: "µ", code: "KeyM", altKey: true })).toBe("Alt+M");
    expect(press({ key: "z", metaKey: true })).toBe("Ctrl+Z");
    expect(press({ key: "Shift", shiftKey: true })).toBe("");
    expect(press({ key: " " })).toBe("Space");
  });
});
