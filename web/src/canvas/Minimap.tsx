// A small map of the whole layer with the part that is seen; press or drag on it to go there. Painted only when nodes
// have changed; the mark of the view is moved with every frame.

import { type PointerEvent, useEffect, useRef } from "react";
import { t } from "../i18n";
import type { Box } from "../model/types";
import type { Board } from "./board";
import { ownColor } from "./colors";
import { around, grown, seenBox } from "./cull";

const WIDTH = 200;
const HEIGHT = 132;
const PAUSE_MS = 150;

export function Minimap({ board }: { board: Board }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const mark = useRef<HTMLDivElement>(null);
  const whole = useRef<Box | null>(null);
  useEffect(() => {
    let painted = "";
    const now = () => `${board.scene.version} ${board.palette.background} ${board.palette.line}`;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const repaint = () => {
      waiting = undefined;
      painted = now();
      whole.current = paint(canvas.current, board);
      place();
    };
    const place = () => {
      const element = mark.current;
      if (element === null || whole.current === null) return;
      const scale = scaleOf(whole.current);
      const seen = seenBox(board.view(), board.width, board.height);
      const [left, right] = along(seen.x - whole.current.x, seen.width, WIDTH / scale);
      const [top, bottom] = along(seen.y - whole.current.y, seen.height, HEIGHT / scale);
      element.style.transform = `translate(${left * scale}px, ${top * scale}px)`;
      element.style.width = `${(right - left) * scale}px`;
      element.style.height = `${(bottom - top) * scale}px`;
    };
    board.onPainted = () => {
      if (now() !== painted && waiting === undefined) waiting = setTimeout(repaint, PAUSE_MS);
      place();
    };
    repaint();
    return () => {
      clearTimeout(waiting);
      board.onPainted = null;
    };
  }, [board]);
  const go = (event: PointerEvent<HTMLElement>) => {
    if (event.buttons !== 1 || whole.current === null) return;
    const box = event.currentTarget.getBoundingClientRect();
    const scale = scaleOf(whole.current);
    board.center([
      whole.current.x + (event.clientX - box.left) / scale,
      whole.current.y + (event.clientY - box.top) / scale,
    ]);
  };
  return (
    <div
      className="minimap"
      data-overlay
      role="img"
      aria-label={t("canvas.minimap")}
      style={{ width: WIDTH, height: HEIGHT }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        go(event);
      }}
      onPointerMove={go}
    >
      <canvas ref={canvas} width={2 * WIDTH} height={2 * HEIGHT} style={{ width: WIDTH, height: HEIGHT }} />
      <div ref={mark} className="minimap-view" />
    </div>
  );
}

/** Where a stretch begins and ends on the map: it stays on it, so that all four edges are seen. */
function along(from: number, length: number, end: number): [number, number] {
  return [Math.min(Math.max(from, 0), end), Math.max(Math.min(from + length, end), 0)];
}

function scaleOf(whole: Box): number {
  return Math.min(WIDTH / whole.width, HEIGHT / whole.height);
}

/** Paint all nodes and groups; returns the part of the graph that the map covers. */
function paint(canvas: HTMLCanvasElement | null, board: Board): Box | null {
  const context = canvas?.getContext("2d");
  if (!canvas || !context) return null;
  const { scene } = board;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const groups = Object.values(scene.layer?.groups ?? {});
  const nodes = [...scene.nodes.values()];
  const inner = around([...nodes.map((placed) => placed.box), ...groups.map((group) => group.box)]);
  if (inner === null) return null;
  const area = grown(inner, Math.max(inner.width, inner.height) * 0.06 + 100);
  // As wide as the map is, whatever the graph's form: the middle stays in the middle.
  const scale = scaleOf(area);
  const whole = {
    x: area.x - (WIDTH / scale - area.width) / 2,
    y: area.y - (HEIGHT / scale - area.height) / 2,
    width: WIDTH / scale,
    height: HEIGHT / scale,
  };
  const { palette } = board;
  context.setTransform(2 * scale, 0, 0, 2 * scale, -whole.x * 2 * scale, -whole.y * 2 * scale);
  for (const { box, color } of groups) {
    context.globalAlpha = 0.3;
    context.fillStyle = color || palette.group;
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  context.globalAlpha = 1;
  for (const { node, box, type, end } of nodes) {
    context.fillStyle =
      type === undefined && end === undefined
        ? palette.error
        : node.color
          ? ownColor(node.color, palette.ownTint)
          : palette.line;
    // Never thinner than a pixel of the map.
    context.fillRect(box.x, box.y, Math.max(box.width, 1 / scale), Math.max(box.height, 1 / scale));
  }
  return whole;
}
