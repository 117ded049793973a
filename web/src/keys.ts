// Which keys do what: one table per preset, changed by the user's own choices, and the one listener that reads it.
// Knows commands by name only, and nothing of what they do. Keys typed into a text field fire no single-key command.

import { type Command, commands, runCommand } from "./commands";
import { settings } from "./store/settings";
import { ui } from "./store/ui";

/** Where a key counts: everywhere, or while no text is typed and no dialog or list has the focus. */
export type Where = "any" | "canvas";
export interface Binding {
  keys: string;
  command: string;
  where: Where;
}
export type Preset = "comfy" | "blender";
/** The user's own choice by command: these keys instead of the preset's; an empty list takes them all away. */
export type CustomKeys = Record<string, string[]>;

type Row = [keys: string, command: string, where?: Where];

/** ComfyUI's keys; then those of other editors that do not collide with them. */
const COMFY: Row[] = [
  ["Ctrl+Enter", "run.queue", "any"],
  ["Ctrl+Shift+Enter", "run.front", "any"],
  ["Ctrl+Alt+Enter", "run.interrupt", "any"],
  ["Ctrl+Z", "edit.undo"],
  ["Ctrl+Y", "edit.redo"],
  ["Ctrl+Shift+Z", "edit.redo"],
  ["Ctrl+S", "file.save", "any"],
  ["Ctrl+Shift+S", "file.saveAs", "any"],
  ["Ctrl+O", "file.open", "any"],
  ["Ctrl+A", "edit.selectAll"],
  ["Ctrl+C", "edit.copy"],
  ["Ctrl+X", "edit.cut"],
  ["Ctrl+V", "edit.paste"],
  ["Ctrl+Shift+V", "edit.pasteLinked"],
  ["Delete", "edit.delete"],
  ["Backspace", "edit.delete"],
  ["R", "types.refresh"],
  ["Q", "panel.queue"],
  ["F", "view.focus"],
  ["Alt+Shift+M", "view.minimap"],
  ["Ctrl+Shift+K", "panel.keys", "any"],
  ["?", "panel.keys"],
  ["Ctrl+B", "node.bypass"],
  ["Ctrl+M", "node.mute"],
  ["Alt+C", "node.collapse"],
  ["P", "node.pin"],
  ["Ctrl+G", "group.add"],
  ["Ctrl+Shift+E", "subgraph.make"],
  ["Escape", "view.escape"],
  [".", "view.fit"],
  ["Alt+=", "view.zoomIn"],
  ["Alt++", "view.zoomIn"],
  ["Alt+-", "view.zoomOut"],
  ["V", "view.select"],
  ["H", "view.hand"],
  ["Shift+H", "panel.history"],
  ["W", "panel.workflows"],
  ["N", "panel.nodes"],
  ["M", "panel.models"],
  ["A", "panel.gallery"],
  ["Ctrl+,", "panel.settings", "any"],
  ["Alt+M", "view.form", "any"],
  ["Ctrl+`", "view.log", "any"],
  ["ArrowLeft", "node.left"],
  ["ArrowRight", "node.right"],
  ["ArrowUp", "node.up"],
  ["ArrowDown", "node.down"],
  ["Ctrl+D", "file.default"],
  ["Tab", "search.open"],
  ["Shift+A", "search.open"],
  ["Ctrl+Shift+D", "edit.duplicateLinked"],
  ["Alt+D", "edit.duplicate"],
  ["Ctrl+Shift+F", "node.arrange"],
  ["Ctrl+J", "group.add"],
  ["Shift+Delete", "edit.deleteReconnect"],
  ["Ctrl+Shift+P", "commands.list", "any"],
  ["Ctrl+F", "search.document", "any"],
  ["F2", "node.rename"],
  ["Alt+N", "file.new", "any"],
  ["Alt+W", "file.close", "any"],
  ["Alt+PageDown", "tab.next", "any"],
  ["Alt+PageUp", "tab.previous", "any"],
  ["Alt+Shift+PageDown", "tab.right", "any"],
  ["Alt+Shift+PageUp", "tab.left", "any"],
  ["I", "panel.inspector"],
  ["Shift+R", "run.toHere"],
  ["Shift+F10", "menu.open"],
  ["ContextMenu", "menu.open"],
];

/** What somebody with Blender in the fingers expects where ComfyUI's keys say something else. */
const BLENDER: Row[] = [
  ["M", "node.mute"],
  ["Ctrl+H", "node.collapse"],
  ["H", "node.collapse"],
  ["Shift+D", "edit.duplicate"],
  ["Ctrl+D", "edit.duplicate"],
  ["Ctrl+Shift+D", "edit.duplicateLinked"],
  ["Ctrl+X", "edit.deleteReconnect"],
  ["X", "edit.delete"],
  ["Home", "view.fit"],
  ["F3", "commands.list", "any"],
  ["N", "panel.inspector"],
  ["A", "edit.selectAll"],
];

/** Keys whose work the browser's own clipboard events do, as long as these keys are used. */
const CLIPBOARD = new Set(["Ctrl+C", "Ctrl+X", "Ctrl+V", "Ctrl+Shift+V"]);
const CLIPBOARD_COMMANDS = new Set(["edit.copy", "edit.cut", "edit.paste", "edit.pasteLinked"]);
/** Commands that would surprise somebody whose focus is in a panel. */
const CANVAS_ONLY = /^(edit\.(delete|selectAll|cut|duplicate)|node\.|search\.open|view\.fit)/;
const TEXT = "input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]";
const LISTS = "input, [role=listbox], [role=tree], [role=grid], [role=slider], [role=spinbutton]";
const TAP_MS = 300;
/** A tap may shake the pointer by so many pixels; what goes further was a pan. */
const TAP_TRAVEL = 6;

/** Return the bindings in force. In the preset "blender" a key of Blender's replaces ComfyUI's meaning of that key. */
export function bindingsOf(preset: Preset, custom: CustomKeys): Binding[] {
  const taken = new Set(preset === "blender" ? BLENDER.map(([keys]) => keys) : []);
  const rows = preset === "blender" ? [...COMFY.filter(([keys]) => !taken.has(keys)), ...BLENDER] : COMFY;
  const kept = rows.filter(([, command]) => custom[command] === undefined);
  const own = Object.entries(custom).flatMap(([command, list]) =>
    list.map((keys): Row => [keys, command, whereOf(command, keys)]),
  );
  return [...own, ...kept].map(([keys, command, where]) => ({ keys, command, where: where ?? "canvas" }));
}

/** Return the keys that mean more than one command, with those commands. */
export function conflicts(bindings: Binding[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { keys, command } of bindings) {
    const list = found.get(keys) ?? [];
    if (!list.includes(command)) list.push(command);
    found.set(keys, list);
  }
  return new Map([...found].filter(([, list]) => list.length > 1));
}

/** Return the keys of a command as the user should read them, best first. */
export function keysOf(command: string): string[] {
  return active()
    .filter((binding) => binding.command === command)
    .map((binding) => shown(binding.keys));
}

/** "Ctrl+Shift+K" as it is written for people; with Apple's signs there. */
export function shown(keys: string): string {
  const parts = keys === "Alt++" ? ["Alt", "+"] : keys.split("+");
  const names: Record<string, string> = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    ...(onApple() ? { Ctrl: "⌘", Alt: "⌥", Shift: "⇧" } : {}),
  };
  const named = parts.map((part) => names[part] ?? part);
  return named.join(onApple() ? "" : "+");
}

/** Return the name of the keys that an event means ("Ctrl+Shift+K"), or "" for a modifier alone. */
export function keysOfEvent(event: KeyboardEvent): string {
  if (["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead", "Unidentified", ""].includes(event.key)) return "";
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey) parts.push("Shift");
  parts.push(keyName(event));
  return parts.join("+");
}

/** Listen for keys; return how to stop. */
export function bindKeys(target: Window): () => void {
  let spaceAt = 0;
  let travelled = 0;
  let lastInput: "pointer" | "key" = "key";
  const isFree = (where: Where, element: Element | null, event: KeyboardEvent) =>
    where === "any" || (isChord(event) ? !takesText(element) : !takesKeys(element));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const element = event.target instanceof Element ? event.target : null;
    if (event.key === " " && !event.repeat && !modified(event)) spaceAt = isOnCanvas(element) ? event.timeStamp : 0;
    else spaceAt = 0;
    if (event.key === " " && !event.repeat) travelled = 0;
    const keys = keysOfEvent(event);
    const pointerLed = lastInput === "pointer";
    if (keys !== "") lastInput = "key";
    // A dialog that was asked for has the keys already while its part of the program is still on its way.
    if (hasDialog() && keys !== "Escape") return;
    const alternatives = new Set([keys, withoutShift(event, keys)]);
    const binding = active().find((row) => alternatives.has(row.keys) && isFree(row.where, element, event));
    if (binding === undefined) return;
    if (CLIPBOARD.has(keys) && CLIPBOARD_COMMANDS.has(binding.command)) return; // the clipboard's own event follows
    // Tab opens the search for hands on the mouse; for those that walk by keyboard it stays the key that walks on.
    if (keys === "Tab" && !(pointerLed && isOnCanvas(element))) return;
    const command: Command | undefined = commands[binding.command];
    if (command === undefined || (inPanel(element) && CANVAS_ONLY.test(binding.command))) return;
    if (inDialog(element) && binding.command !== "view.escape") return;
    if (command.enabled !== undefined && !command.enabled()) {
      if (binding.where === "any") event.preventDefault(); // the browser's own "save page" would only surprise
      return;
    }
    event.preventDefault();
    void runCommand(binding.command);
  };
  const onKeyUp = (event: KeyboardEvent) => {
    if (event.key !== " " || spaceAt === 0 || event.timeStamp - spaceAt > TAP_MS) return;
    spaceAt = 0;
    if (!event.defaultPrevented) void runCommand("search.open");
  };
  const onPointer = (event: PointerEvent) => {
    lastInput = "pointer";
    if (event.type === "pointerdown") spaceAt = 0; // Space with a drag moves the view
  };
  const onMove = (event: PointerEvent) => {
    if (spaceAt === 0) return;
    travelled += Math.hypot(event.movementX, event.movementY);
    if (travelled > TAP_TRAVEL) spaceAt = 0; // and so does Space with a moving pointer
  };
  target.addEventListener("keydown", onKeyDown);
  target.addEventListener("keyup", onKeyUp);
  target.addEventListener("pointerdown", onPointer, true);
  target.addEventListener("pointermove", onMove, { capture: true, passive: true });
  return () => {
    target.removeEventListener("keydown", onKeyDown);
    target.removeEventListener("keyup", onKeyUp);
    target.removeEventListener("pointerdown", onPointer, true);
    target.removeEventListener("pointermove", onMove, { capture: true });
  };
}

let cached: { preset: Preset; custom: CustomKeys; bindings: Binding[] } | null = null;

function active(): Binding[] {
  const { keyPreset: preset, customKeys: custom } = settings.getState();
  if (cached === null || cached.preset !== preset || cached.custom !== custom)
    cached = { preset, custom, bindings: bindingsOf(preset, custom) };
  return cached.bindings;
}

function whereOf(command: string, keys: string): Where {
  const row = COMFY.find(([, name]) => name === command);
  return row?.[2] === "any" && /^(Ctrl|Alt)\+/.test(keys) ? "any" : "canvas";
}

function keyName(event: KeyboardEvent): string {
  const { key, code } = event;
  // With Alt pressed some layouts make other signs of letters; the key's place names the letter then.
  if (event.altKey && /^Key[A-Z]$/.test(code)) return code.slice(3);
  if (event.altKey && /^Digit\d$/.test(code)) return code.slice(5);
  if (key === " ") return "Space";
  return key.length === 1 ? key.toUpperCase() : key;
}

/** A sign that needs Shift on this keyboard ("+", "?") is also found under its name without Shift. */
function withoutShift(event: KeyboardEvent, keys: string): string {
  return event.shiftKey && event.key.length === 1 && !/[a-z]/i.test(event.key) ? keys.replace("Shift+", "") : keys;
}

function modified(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
}

/** Ctrl or Alt with a key: numbers, sliders and lists have no use for these. */
function isChord(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey;
}

/** Is text written here, or a dialog or menu open? */
function takesText(element: Element | null): boolean {
  if (element === null) return false;
  if (element instanceof HTMLElement && element.isContentEditable) return true;
  return element.closest(`${TEXT}, [role=menu], dialog, [role=dialog], [role=application][data-keys]`) !== null;
}

/** Does this element use keys itself: text, lists, menus, buttons inside panels? */
function takesKeys(element: Element | null): boolean {
  return takesText(element) || element?.closest(LISTS) != null;
}

function inDialog(element: Element | null): boolean {
  return element?.closest("dialog, [role=dialog], [role=menu]") != null;
}

function hasDialog(): boolean {
  const { dialog } = ui.getState();
  return dialog !== null && dialog.kind !== "menu";
}

function inPanel(element: Element | null): boolean {
  return element?.closest("[data-panel], header, nav") != null;
}

function isOnCanvas(element: Element | null): boolean {
  if (element === null || element === document.body || element === document.documentElement) return true;
  return element.closest("[data-canvas]") !== null && !takesKeys(element) && element.closest("button") === null;
}

function onApple(): boolean {
  return typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
}
