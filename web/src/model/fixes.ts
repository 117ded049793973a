// What could be done about a problem at once: bring a number into range, take the nearest choice, wire the one output
// that fits, take a wrong wire out, replace a type that nobody declares. Each is one edit. Knows no React.

import { t } from "../i18n";
import { ringTest } from "./depends";
import { outputFix } from "./endings";
import { fits, linksInto, typeOfOutput } from "./graph";
import { currentValue, typeById, typeOf } from "./kinds";
import { exactMax } from "./literal";
import { nearest } from "./nearest";
import { setValue } from "./ops";
import { replaceType } from "./replace";
import type { InputSpec, NodeTypes, WidgetSpec } from "./spec";
import type { Doc, DocNode, Json, Layer, LayerKey, Link, NodeId, NodePath, Problem } from "./types";
import { layerOf, MODE, PRIMITIVE_TYPE, ROOT, SUB_INPUT } from "./types";
import { defaultOf } from "./widgetspec";
import { connect, disconnect } from "./wires";

/** Of a file that was named and is not there. */
const NOT_FOUND = "F001";

export interface Fix {
  /** For a button, in the user's language. */
  label: string;
  /** Changes the document it is given, which may be a later state than the problem was found in. */
  apply(doc: Doc): void;
}

/** An input of a node where it stands in the document. */
interface Seat {
  layer: LayerKey;
  content: Layer;
  node: DocNode;
  input: string;
}

/** Return what can be done about a problem, null if there is nothing that is plainly right. */
export function fixOf(problem: Problem, doc: Doc, types: NodeTypes): Fix | null {
  if (problem.code === "G014") return outputFix(doc, types);
  const steps = problem.node_id === null ? null : seatsTo(doc, problem.node_id, problem.input ?? "");
  if (!steps) return null;
  const seat = steps.at(-1) as Seat;
  if (problem.code === "G001") return otherType(seat, types);
  if (problem.input === null) return null;
  // What is wrong may come from outside: the instance's own value, or a primitive.
  const origin = originOf(doc, steps);
  const input = typeOf(doc, origin.node, types)?.inputs.find((one) => one.name === origin.input);
  switch (problem.code) {
    case "G002":
      return input?.widget ? anyValue(doc, origin, input) : wireFrom(doc, origin, types, linkInto(origin)?.from);
    case "G003":
      return input?.widget ? inRange(origin, input) : null;
    case "G005":
    case "G009":
    case "G025":
      return input?.widget ? anyValue(doc, origin, input) : removal(origin);
    case "G008":
    case "G013":
      return input?.widget ? nearestChoice(origin, input) : null;
    case "G006":
    case "G011":
      return wireFrom(doc, origin, types, linkInto(origin)?.from, linkInto(origin)?.from) ?? removal(origin);
    case "G004":
    case "G007":
    case "G017":
    case "G018":
      return removal(origin);
    default:
      return input?.widget ? ofRun(problem, origin, input) : null;
  }
}

// ---- where a problem comes from ------------------------------------------------------------------------------

/** Return the nodes of an execution path from the root inwards, null if one of them is not there (any more). */
function seatsTo(doc: Doc, path: NodePath, input: string): Seat[] | null {
  const found: Seat[] = [];
  let layer: LayerKey = ROOT;
  let rest = path;
  while (rest) {
    const content = layerOf(doc, layer);
    // Ids may hold colons themselves, so the longest that is there counts.
    const ids = Object.keys(content?.nodes ?? {}).filter((one) => rest === one || rest.startsWith(`${one}:`));
    const id = ids.sort((a, b) => b.length - a.length)[0];
    const node = id === undefined ? undefined : content?.nodes[id];
    if (!content || !node) return null;
    found.push({ layer, content, node, input });
    rest = rest.slice(node.id.length + 1);
    layer = node.type;
  }
  return found;
}

/** Follow an input outwards, to the instance that has the wire or the value, and to a primitive that feeds it. */
function originOf(doc: Doc, steps: Seat[]): Seat {
  let depth = steps.length - 1;
  let at = steps[depth] as Seat;
  let best = at;
  for (let link = linkInto(at); link?.from === SUB_INPUT && depth > 0; link = linkInto(at)) {
    const name = doc.subs[at.layer]?.inputs[link.out]?.name;
    if (name === undefined) break;
    at = { ...(steps[--depth] as Seat), input: name };
    const own = at.node.values[name] !== undefined || linkInto(at) !== undefined;
    const wired = !typedWidget(at, doc);
    if (own || wired) best = at;
  }
  const link = linkInto(best);
  const source = link && best.content.nodes[link.from];
  return source?.type === PRIMITIVE_TYPE ? { ...best, node: source, input: "value" } : best;
}

/** Tell whether an inner widget is behind the instance's input: then its value may stand there too. */
function typedWidget(seat: Seat, doc: Doc): boolean {
  const slot = doc.subs[seat.node.type]?.inputs.findIndex((one) => one.name === seat.input) ?? -1;
  const sub = doc.subs[seat.node.type];
  return Object.values(sub?.links ?? {}).some((link) => {
    if (link.from !== SUB_INPUT || link.out !== slot) return false;
    return sub?.nodes[link.to]?.inputs.some((one) => one.name === link.input && one.widget !== undefined);
  });
}

const linkInto = (seat: Seat): Link | undefined =>
  linksInto(seat.content, seat.node.id).find((link) => link.input === seat.input);

// ---- values --------------------------------------------------------------------------------------------------

function setting(seat: Seat, value: Json, key = "fix.set"): Fix {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text;
  return {
    label: t(key, { value: shown }),
    apply: (doc) => setValue(doc, seat.layer, seat.node.id, seat.input, value),
  };
}

function inRange(seat: Seat, input: InputSpec): Fix | null {
  const widget = input.widget;
  if (widget?.kind !== "int" && widget?.kind !== "float") return null;
  const value = Number(currentValue(seat.node, input));
  if (Number.isNaN(value)) return null;
  const limit = value < widget.min ? widget.min : widget.max;
  const exact = widget.kind === "int" && limit === widget.max ? exactMax(limit) : null;
  const kept = exact !== null && !Number.isSafeInteger(Number(exact)) ? String(exact) : limit;
  return setting(seat, kept);
}

/** About an error of a run that names an input: a file that is gone, or a value that the type does not allow (any more). */
function ofRun(problem: Problem, seat: Seat, input: InputSpec): Fix | null {
  const { widget } = input;
  const now = currentValue(seat.node, input);
  if (widget?.kind === "choice" || widget?.kind === "file") {
    const isThere = problem.code !== NOT_FOUND && widget.options.some((option) => option === now);
    return isThere ? null : nearestChoice(seat, input);
  }
  if (widget?.kind !== "int" && widget?.kind !== "float") return null;
  return Number(now) < widget.min || Number(now) > widget.max ? inRange(seat, input) : null;
}

/** Take the declared default, else the one file that there is, else what such a widget begins with. */
function anyValue(doc: Doc, seat: Seat, input: InputSpec): Fix | null {
  const widget = input.widget as WidgetSpec;
  const inner = doc.subs[seat.node.type] !== undefined;
  const numeric = widget.kind === "int" || widget.kind === "float";
  const now = seat.node.values[seat.input];
  if (widget.kind === "int" && typeof now === "number" && Number.isFinite(now)) {
    return setting(seat, Math.min(Math.max(Math.round(now), widget.min), widget.max));
  }
  if (numeric && typeof now === "string" && now.trim() !== "" && Number.isFinite(Number(now))) {
    return setting(seat, Math.min(Math.max(Number(now), widget.min), widget.max));
  }
  const value = (inner ? undefined : input.default) ?? defaultOf(widget, true);
  return value === null || value === undefined || value === now ? null : setting(seat, value);
}

function nearestChoice(seat: Seat, input: InputSpec): Fix | null {
  const { widget } = input;
  if (widget?.kind !== "choice" && widget?.kind !== "file") return null;
  const now = String(currentValue(seat.node, input) ?? "");
  const names = widget.options.map(String).filter((name) => name !== now);
  const base = now.replaceAll("\\", "/").split("/").pop() ?? "";
  // The same file in another folder, else a name like it, else the only one there is.
  const same = names.find((name) => name.replaceAll("\\", "/").split("/").pop() === base);
  const near =
    same ?? nearest(now, names, 1)[0] ?? (widget.kind === "choice" || names.length === 1 ? names[0] : undefined);
  const value = widget.options.find((option) => String(option) === near);
  return value === undefined ? null : setting(seat, value, "fix.choose");
}

// ---- wires and types -----------------------------------------------------------------------------------------

/** Wire the only output that fits; `only`: of this node. Several that fit leave the choice to the user. */
function wireFrom(doc: Doc, seat: Seat, types: NodeTypes, not?: NodeId, only?: NodeId): Fix | null {
  const type = typeOf(doc, seat.node, types);
  const wanted = type?.inputs.find((one) => one.name === seat.input)?.type ?? type?.repeat?.type;
  if (wanted === undefined || wanted === "*") return null;
  const closesRing = ringTest(doc, seat.layer, [{ node: seat.node.id, input: seat.input }]);
  const found: { node: DocNode; out: number; wire: string; name: string }[] = [];
  for (const node of Object.values(seat.content.nodes)) {
    if (node.mode !== MODE.always) continue;
    if (only !== undefined ? node.id !== only : node.id === not) continue;
    (typeOf(doc, node, types)?.outputs ?? []).forEach((output, out) => {
      const wire = typeOfOutput(doc, seat.layer, types, node.id, out);
      if (wire === "*" || !fits(wanted, wire) || closesRing({ node: node.id, output: out })) return;
      found.push({ node, out, wire, name: output.name });
    });
  }
  const best = found.length > 1 ? nearby(seat.node, found) : found[0];
  if (!best) return null;
  const { node, out, wire } = best;
  const title = node.title ?? typeOf(doc, node, types)?.title ?? node.type;
  const end = { from: node.id, out, to: seat.node.id, input: seat.input, type: wire };
  return {
    label: t("fix.connect", { output: best.name, node: title }),
    apply: (changed) => void connect(changed, seat.layer, end),
  };
}

/** Of several, the one that is alone within reach to the left. */
function nearby<T extends { node: DocNode }>(target: DocNode, found: T[]): T | undefined {
  const reach = 900;
  const close = found.filter(({ node }) => {
    const [dx, dy] = [target.pos[0] - node.pos[0] - node.size[0], target.pos[1] - node.pos[1]];
    return dx > -node.size[0] && Math.hypot(Math.max(dx, 0), dy) < reach;
  });
  return close.length === 1 ? close[0] : undefined;
}

/** Take out the wire into an input, or the value that is not to be there. */
function removal(seat: Seat): Fix | null {
  const link = linkInto(seat);
  if (link) {
    return { label: t("fix.disconnect"), apply: (doc) => disconnect(doc, seat.layer, [link.id]) };
  }
  if (seat.node.values[seat.input] === undefined) return null;
  return {
    label: t("fix.removeValue"),
    apply: (doc) => {
      delete layerOf(doc, seat.layer)?.nodes[seat.node.id]?.values[seat.input];
    },
  };
}

function otherType(seat: Seat, types: NodeTypes): Fix | null {
  const type = typeById(nearest(seat.node.type, types.keys(), 1)[0] ?? "", types);
  if (!type) return null;
  return {
    label: t("fix.replace", { type: type.title }),
    apply: (doc) => replaceType(doc, seat.layer, seat.node.id, type),
  };
}
