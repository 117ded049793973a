// The picture with the mask over it: painting by mouse, pen, finger and keyboard, zoom and pan. Changes the mask's bytes
// directly and reports each finished stroke as a step of undo. Knows no server.

import {
  type KeyboardEvent,
  type PointerEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { noFlicks } from "../flick";
import { t } from "../i18n";
import { Icon } from "../icons";
import { type Loaded, paintMask } from "./mask_picture";
import { type Area, type Brush, newStep, paintLine, type Step, whole } from "./strokes";

export type Tool = "brush" | "erase" | "move";
type Point = [x: number, y: number];
interface Place {
  x: number;
  y: number;
  scale: number;
}

const MASK_COLOR = "--mask";
const CLOSEST = 16;
const FARTHEST = 0.05;

interface MaskStageProps {
  loaded: Loaded;
  /** What changed outside, to be shown. */
  changed: { area: Area } | null;
  tool: Tool;
  brush: Brush;
  onStep(step: Step): void;
}

export function MaskStage({ loaded, changed, tool, brush, onStep }: MaskStageProps) {
  const { mask, url } = loaded;
  const [view, setView] = useState<Place>({ x: 0, y: 0, scale: 1 });
  const [cursor, setCursor] = useState<Point | null>(null);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const color = useRef<[number, number, number]>([255, 0, 128]);
  const stroke = useRef<{ step: Step; last: Point; erase: boolean } | null>(null);
  const fingers = useRef(new Map<number, Point>());

  const fitPicture = useCallback(() => {
    const box = stage.current?.getBoundingClientRect();
    if (!box) return;
    const scale = Math.min((box.width - 24) / mask.width, (box.height - 24) / mask.height, 4);
    setView({ scale, x: (box.width - mask.width * scale) / 2, y: (box.height - mask.height * scale) / 2 });
  }, [mask]);

  useLayoutEffect(() => {
    fitPicture();
    color.current = readColor(stage.current);
    if (canvas.current) paintMask(canvas.current, mask, whole(mask), color.current);
    stage.current?.focus({ preventScroll: true });
  }, [mask, fitPicture]);
  useEffect(() => {
    if (changed && canvas.current) paintMask(canvas.current, mask, changed.area, color.current);
  }, [changed, mask]);

  const zoom = useCallback((factor: number, at?: Point) => {
    setView((before) => {
      const box = stage.current?.getBoundingClientRect();
      const [x, y] = at ?? [(box?.width ?? 0) / 2, (box?.height ?? 0) / 2];
      const scale = Math.min(CLOSEST, Math.max(FARTHEST, before.scale * factor));
      const ratio = scale / before.scale;
      return { scale, x: x - (x - before.x) * ratio, y: y - (y - before.y) * ratio };
    });
  }, []);
  useEffect(() => {
    const element = stage.current;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element?.getBoundingClientRect();
      zoom(1.0015 ** -event.deltaY, [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)]);
    };
    // React's own wheel listeners are passive and could not keep the page from scrolling.
    element?.addEventListener("wheel", wheel, { passive: false });
    const allowFlicks = element && noFlicks(element);
    return () => {
      element?.removeEventListener("wheel", wheel);
      allowFlicks?.();
    };
  }, [zoom]);

  function onStage(event: PointerEvent): Point {
    const box = stage.current?.getBoundingClientRect();
    return [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)];
  }
  const onPicture = ([x, y]: Point): Point => [(x - view.x) / view.scale, (y - view.y) / view.scale];

  function dab(from: Point, to: Point, step: Step, erase: boolean, pressure = 1) {
    const area = paintLine(mask, step, from, to, { ...brush, erase, radius: Math.max(0.5, brush.radius * pressure) });
    if (area && canvas.current) paintMask(canvas.current, mask, area, color.current);
  }
  function down(event: PointerEvent<HTMLDivElement>) {
    if (event.target instanceof Element && event.target.closest("button")) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const at = onStage(event);
    fingers.current.set(event.pointerId, at);
    if (fingers.current.size > 1) return end(true);
    if (tool === "move" || event.button === 1) return;
    const point = onPicture(at);
    const erase = tool === "erase" || event.button === 2;
    stroke.current = { step: newStep(), last: point, erase };
    dab(point, point, stroke.current.step, erase, pressureOf(event));
  }
  function move(event: PointerEvent<HTMLDivElement>) {
    const at = onStage(event);
    const before = fingers.current.get(event.pointerId);
    setCursor(onPicture(at));
    if (before === undefined) return;
    fingers.current.set(event.pointerId, at);
    const current = stroke.current;
    if (current) {
      // Between two frames a pen reports more places than this event tells.
      for (const each of event.nativeEvent.getCoalescedEvents?.() ?? [event.nativeEvent]) {
        const point = onPicture(onStage(each as unknown as PointerEvent));
        dab(current.last, point, current.step, current.erase, pressureOf(event));
        current.last = point;
      }
      return;
    }
    const others = [...fingers.current].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const other = others[0];
    if (other) {
      const ratio =
        Math.hypot(at[0] - other[0], at[1] - other[1]) /
        Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1]));
      zoom(ratio, [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2]);
    }
    const share = other ? 0.5 : 1;
    setView((place) => ({
      ...place,
      x: place.x + (at[0] - before[0]) * share,
      y: place.y + (at[1] - before[1]) * share,
    }));
  }
  function end(keepFingers = false, id?: number) {
    const current = stroke.current;
    stroke.current = null;
    if (!keepFingers && id !== undefined) fingers.current.delete(id);
    if (current) onStep(current.step);
  }
  function keys(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const far = event.shiftKey ? 1 : Math.max(1, Math.round(brush.radius / 2));
    const ways: Record<string, Point> = {
      ArrowLeft: [-far, 0],
      ArrowRight: [far, 0],
      ArrowUp: [0, -far],
      ArrowDown: [0, far],
    };
    const way = ways[event.key];
    const at: Point = cursor ?? [mask.width / 2, mask.height / 2];
    if (way) {
      const next: Point = [clamp(at[0] + way[0], mask.width), clamp(at[1] + way[1], mask.height)];
      setCursor(next);
    } else if (event.key === " " || event.key === "Enter") {
      const step = newStep();
      dab(at, at, step, tool === "erase");
      setCursor(at);
      onStep(step);
    } else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fitPicture();
    else return;
    event.preventDefault();
  }

  const size = { width: mask.width * view.scale, height: mask.height * view.scale };
  return (
    <div
      ref={stage}
      className={`mask-stage ${tool}`}
      role="application"
      aria-label={t("mask.canvas")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: painting by keyboard begins here
      tabIndex={0}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={(event) => end(false, event.pointerId)}
      onPointerCancel={(event) => end(false, event.pointerId)}
      onPointerLeave={() => stroke.current === null && setCursor(null)}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={keys}
    >
      <div className="mask-picture" style={{ transform: `translate(${view.x}px, ${view.y}px)`, ...size }}>
        <img src={url} alt="" draggable={false} />
        <canvas ref={canvas} width={mask.width} height={mask.height} data-mask />
      </div>
      {cursor && tool !== "move" && (
        <span
          className="mask-cursor"
          style={{
            width: brush.radius * 2 * view.scale,
            height: brush.radius * 2 * view.scale,
            transform: `translate(${view.x + (cursor[0] - brush.radius) * view.scale}px, ${view.y + (cursor[1] - brush.radius) * view.scale}px)`,
          }}
        />
      )}
      <div className="mask-zoom">
        <StageButton icon="minus" name="zoom_out" onClick={() => zoom(0.8)} />
        <button
          type="button"
          className="button quiet number"
          title={t("mask.fit")}
          aria-label={`${Math.round(view.scale * 100)} %: ${t("mask.fit")}`}
          onClick={fitPicture}
        >
          {Math.round(view.scale * 100)} %
        </button>
        <StageButton icon="plus" name="zoom_in" onClick={() => zoom(1.25)} />
      </div>
    </div>
  );
}

function StageButton({ icon, name, onClick }: { icon: "plus" | "minus"; name: string; onClick(): void }) {
  const label = t(`mask.${name}`);
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** Pens press more or less; a mouse always says one half. */
function pressureOf(event: PointerEvent): number {
  return event.pointerType === "pen" ? 0.25 + 0.75 * event.pressure : 1;
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

function readColor(element: Element | null): [number, number, number] {
  const text = element ? getComputedStyle(element).getPropertyValue(MASK_COLOR).trim() : "";
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(text);
  if (found === null) return [255, 0, 128];
  return [1, 2, 3].map((part) => Number.parseInt(found[part] ?? "0", 16)) as [number, number, number];
}
