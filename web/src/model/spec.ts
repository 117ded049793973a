// What the editor knows of a node type, whatever the form in which the server told it. Plain data; read by
// `nodetypes.ts` from object_info. Knows no document.

import type { Json } from "./types";

export type WidgetSpec =
  | { kind: "int"; min: number; max: number; step: number; control: boolean; seed: boolean }
  | { kind: "float"; min: number; max: number; step: number; round: number | null; slider: boolean }
  | { kind: "bool"; on: string; off: string }
  | { kind: "text"; multiline: boolean; prompt: boolean; placeholder: string }
  | { kind: "choice"; options: (string | number | boolean)[] }
  /** One of the files in a folder of the server; `upload`: a new one may be sent; `picture`: it can be shown. */
  | { kind: "file"; options: string[]; folder: string; upload: boolean; picture: boolean }
  /** A widget that a pack declared in a way we do not know: its value is shown and edited as JSON. */
  | { kind: "json" };

export interface InputSpec {
  name: string;
  /** One type name, several joined by commas, or "*". */
  type: string;
  required: boolean;
  /** null: a wire only. */
  widget: WidgetSpec | null;
  /** undefined: none is declared. */
  default: Json | undefined;
  tooltip: string;
  /** Several wires may enter one after the other ("image_1", "image_2", ...). */
  repeated?: boolean;
}

export interface OutputSpec {
  name: string;
  type: string;
  isList: boolean;
  tooltip: string;
}

export interface NodeType {
  id: string;
  title: string;
  category: string;
  description: string;
  inputs: InputSpec[];
  outputs: OutputSpec[];
  /** Gives something to the user: what a run is for. */
  isOutput: boolean;
  deprecated: boolean;
  experimental: boolean;
  aliases: string[];
  /** Names for inputs that may be added: "image_{n}", or "*" for any name. */
  repeat: { pattern: string; type: string; minimum: number; maximum: number } | null;
  formerIds: string[];
  pack: string;
}

/** What a type says of itself to people; its inputs by name, its outputs in order. */
export interface Words {
  description?: string;
  inputs?: Record<string, string>;
  outputs?: string[];
}

export type NodeTypes = ReadonlyMap<string, NodeType>;
