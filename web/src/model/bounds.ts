// The box around nodes, and where one node stands that replaces them: the same when it is made and when it is unpacked,
// so that doing both moves nothing. Knows sizes of the document only, no layout of sockets.

import { TITLE } from "./layout";
import type { DocNode, Point } from "./types";

export function boundsOf(nodes: readonly Readonly<DocNode>[]): {
  left: number;
  right: number;
  top: number;
  bottom: number;
} {
  if (nodes.length === 0) return { left: 0, right: 0, top: 0, bottom: 0 };
  return {
    left: Math.min(...nodes.map((node) => node.pos[0])),
    right: Math.max(...nodes.map((node) => node.pos[0] + node.size[0])),
    top: Math.min(...nodes.map((node) => node.pos[1] - TITLE)),
    bottom: Math.max(...nodes.map((node) => node.pos[1] + (node.collapsed === true ? 0 : node.size[1]))),
  };
}

/** Return where a node of this size stands for these nodes: in their middle. */
export function placeOf(nodes: readonly Readonly<DocNode>[], size: Point): Point {
  const { left, right, top, bottom } = boundsOf(nodes);
  return [Math.round((left + right - size[0]) / 2), Math.round((top + bottom - size[1]) / 2)];
}
