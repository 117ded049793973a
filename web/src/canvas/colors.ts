// Colors and shapes of socket types, and the theme's colors for what is painted on a canvas. A type that many packs
// share has a fixed place in the palette; any other gets one from its name, always the same. Knows no node type.

import type { DocNode } from "../model/types";

export type SocketShape = "circle" | "square" | "diamond" | "triangle" | "hexagon" | "bar";

/** How many hues the theme has (`--hue-0` to `--hue-11`). */
const HUES = 12;
const PLAIN_HUE = 10;
const SHAPES: readonly SocketShape[] = ["circle", "square", "diamond", "triangle", "hexagon"];

/** Hue and shape of the socket types that come with nearly every graph, near to the colors that users know. */
const USUAL: Record<string, [hue: number, shape: SocketShape]> = {
  MODEL: [2, "circle"],
  CLIP: [6, "circle"],
  VAE: [3, "circle"],
  CONDITIONING: [1, "diamond"],
  LATENT: [7, "hexagon"],
  IMAGE: [8, "square"],
  MASK: [5, "triangle"],
  CONTROL_NET: [4, "circle"],
  CLIP_VISION: [9, "circle"],
  CLIP_VISION_OUTPUT: [9, "diamond"],
  STYLE_MODEL: [0, "circle"],
  UPSCALE_MODEL: [0, "hexagon"],
  NOISE: [11, "triangle"],
  GUIDER: [11, "diamond"],
  SAMPLER: [4, "diamond"],
  SIGMAS: [5, "hexagon"],
  AUDIO: [9, "square"],
  VIDEO: [0, "square"],
  INT: [PLAIN_HUE, "bar"],
  FLOAT: [PLAIN_HUE, "bar"],
  STRING: [PLAIN_HUE, "bar"],
  BOOLEAN: [PLAIN_HUE, "bar"],
  COMBO: [PLAIN_HUE, "bar"],
};

function hashOf(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return hash >>> 0;
}

/** The first name of a union, without what a "list of" notation adds. */
function mainType(type: string): string {
  return (type.split(",")[0] ?? "").trim().toUpperCase();
}

export function hueOf(type: string): number {
  const main = mainType(type);
  if (main === "*" || main === "") return PLAIN_HUE;
  return USUAL[main]?.[0] ?? hashOf(main) % HUES;
}

export function shapeOf(type: string): SocketShape {
  const main = mainType(type);
  if (main === "*" || main === "") return "circle";
  return USUAL[main]?.[1] ?? SHAPES[(hashOf(main) >>> 8) % SHAPES.length] ?? "circle";
}

/** For style sheets; follows the theme by itself. */
export function cssColor(type: string): string {
  return `var(--hue-${hueOf(type)})`;
}

/** The theme's colors as a canvas needs them: values, not names. */
export interface Palette {
  hues: string[];
  background: string;
  grid: string;
  node: string;
  field: string;
  title: string;
  line: string;
  text: string;
  dim: string;
  accent: string;
  select: string;
  ok: string;
  error: string;
  cached: string;
  muted: string;
  bypass: string;
  group: string;
  note: string;
  /** How far nodes' own colors are made light ("0%": as they are): they are made for dark pages. */
  ownTint: string;
  /** How light nodes' bodies of their own color are. */
  ownBody: string;
  font: string;
  /** Of lines between things, in CSS pixels: the high-contrast theme has thicker ones. */
  lineWidth: number;
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim() || "gray";
  return {
    hues: Array.from({ length: HUES }, (_, place) => read(`--hue-${place}`)),
    background: read("--bg"),
    grid: read("--bg-grid"),
    node: read("--node"),
    field: read("--node-field"),
    title: read("--node-title"),
    line: read("--node-line"),
    text: read("--text"),
    dim: read("--text-dim"),
    accent: read("--accent"),
    select: read("--select"),
    ok: read("--ok"),
    error: read("--error"),
    cached: read("--cached"),
    muted: read("--muted"),
    bypass: read("--bypass"),
    group: read("--group"),
    note: read("--note"),
    ownTint: style.getPropertyValue("--own-tint").trim() || "0%",
    ownBody: style.getPropertyValue("--own-body").trim() || "0.3",
    font: style.getPropertyValue("--font") || "sans-serif",
    lineWidth: Number.parseFloat(style.getPropertyValue("--line-width")) || 1,
  };
}

/** Color of a link of this type. */
export function paintColor(palette: Palette, type: string): string {
  return palette.hues[hueOf(type)] ?? palette.dim;
}

/** A color that a file gives to a node, as it is shown: itself, or as light as the page and of the same hue. */
export function ownColor(color: string, tint: string): string {
  return tint === "0%" ? color : `color-mix(in oklab, ${color}, oklch(from ${color} 0.88 calc(c * 1.2) h) ${tint})`;
}

/** The color that a file gives to a node's body: of its hue, and as light or dark as bodies are, so that it can be read. */
export function ownBody({ color, rest }: DocNode, lightness: string): string | undefined {
  const body = rest?.bgcolor;
  // It goes with the title's: another one chosen here leaves the file's behind.
  if (typeof body !== "string" || color !== rest?.color || !/^#[0-9a-f]{3,8}$/i.test(body)) return undefined;
  return `oklch(from ${body} ${lightness} min(c, 0.05) h)`;
}

/** Whether dark text is read better on this color ("#rgb", "#rrggbb"); files carry colors of their own for nodes. */
export function isLight(color: string): boolean {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(color);
  const parts = short ? short.slice(1).map((part) => part + part) : long?.slice(1);
  if (parts === undefined) return false;
  const [red = 0, green = 0, blue = 0] = parts.map((part) => {
    const share = Number.parseInt(part, 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
