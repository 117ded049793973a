// A line chart painted on a canvas in the theme's colors: axes, curves, the step that is looked at. Thousands of points
// are drawn as the span of each column of pixels. Knows no component.

import { type Range, rangeOf, type Series, share, short, ticks } from "./chart";

export interface Line extends Series {
  smooth: readonly (number | null)[];
  /** Which of the theme's hues. */
  hue: number;
}

export interface ChartOptions {
  log: boolean;
  /** Show the values as they are behind the smoothed ones. */
  faint: boolean;
  /** The step that is looked at. */
  step: number | null;
}

/** What was drawn, for finding places in it. */
export interface Drawing {
  steps: Range;
  left: number;
  width: number;
  xOf(step: number): number;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 8, 8, 22];

/** Paint the chart in the size that the canvas has on the page; null when there is nothing to see. */
export function drawChart(canvas: HTMLCanvasElement, lines: readonly Line[], options: ChartOptions): Drawing | null {
  const context = canvas.getContext("2d");
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (context === null || width === 0 || height === 0) return null;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const steps = stepRange(lines);
  const values = rangeOf(
    lines.flatMap((line) => (options.faint ? [line.values, line.smooth] : [line.smooth])),
    options.log,
  );
  if (steps === null || values === null) return null;
  const plot = { x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM };
  const xOf = (step: number) => plot.x + share(step, steps, false) * plot.width;
  const yOf = (value: number) => plot.y + (1 - share(value, values, options.log)) * plot.height;

  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = "middle";
  for (const mark of ticks(values, plot.height / 28, options.log)) {
    const y = Math.round(yOf(mark)) + 0.5;
    line(context, [plot.x, y], [plot.x + plot.width, y], color("--line"));
    context.fillStyle = color("--text-dim");
    context.textAlign = "right";
    context.fillText(short(mark), plot.x - 6, y);
  }
  context.textAlign = "center";
  for (const mark of ticks(steps, plot.width / 80, false)) {
    context.fillStyle = color("--text-dim");
    context.fillText(short(mark), xOf(mark), height - BOTTOM / 2);
  }
  if (options.step !== null) {
    const x = Math.round(xOf(options.step)) + 0.5;
    line(context, [x, plot.y], [x, plot.y + plot.height], color("--edge"));
  }
  context.save();
  context.beginPath();
  context.rect(plot.x, plot.y, plot.width, plot.height);
  context.clip();
  context.lineJoin = "round";
  for (const each of lines) {
    context.strokeStyle = color(`--hue-${each.hue}`);
    if (options.faint) {
      context.globalAlpha = 0.3;
      context.lineWidth = 1;
      curve(context, each.steps, each.values, xOf, yOf);
      context.globalAlpha = 1;
    }
    context.lineWidth = 1.75;
    curve(context, each.steps, each.smooth, xOf, yOf);
  }
  context.restore();
  return { steps, left: plot.x, width: plot.width, xOf };
}

/** Return the step at a place of the canvas. */
export function stepAt(drawing: Drawing, x: number): number {
  const part = Math.min(1, Math.max(0, (x - drawing.left) / drawing.width));
  return drawing.steps.min + part * (drawing.steps.max - drawing.steps.min);
}

function stepRange(lines: readonly Line[]): Range | null {
  const range = rangeOf(
    lines.map((each) => each.steps),
    false,
  );
  if (range === null) return null;
  const all = lines.flatMap((each) => [each.steps[0] ?? 0, each.steps.at(-1) ?? 0]);
  const [min, max] = [Math.min(...all), Math.max(...all)];
  return min < max ? { min, max } : { min: min - 1, max: max + 1 };
}

function curve(
  context: CanvasRenderingContext2D,
  steps: readonly number[],
  values: readonly (number | null)[],
  xOf: (step: number) => number,
  yOf: (value: number) => number,
): void {
  context.beginPath();
  let drawn = 0;
  let open = false;
  let last: [x: number, y: number] = [0, 0];
  for (let at = 0; at < steps.length; ) {
    const x = xOf(steps[at] ?? 0);
    const column = Math.floor(x);
    let [first, low, high, end] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    // All points of one column of pixels: where they begin, how far they reach, where they end.
    do {
      const value = values[at];
      const y = value === null || value === undefined ? Number.NaN : yOf(value);
      if (Number.isFinite(y)) {
        if (Number.isNaN(first)) first = y;
        low = Math.min(low, y);
        high = Math.max(high, y);
        end = y;
      }
      at += 1;
    } while (at < steps.length && Math.floor(xOf(steps[at] ?? 0)) === column);
    if (Number.isNaN(first)) {
      open = false;
      continue;
    }
    if (open) context.lineTo(x, first);
    else context.moveTo(x, first);
    if (high > low) {
      context.lineTo(x, low);
      context.lineTo(x, high);
      context.lineTo(x, end);
    }
    open = true;
    drawn += 1;
    last = [x, end];
  }
  context.stroke();
  if (drawn === 1) {
    context.fillStyle = context.strokeStyle;
    context.fillRect(last[0] - 2, last[1] - 2, 4, 4);
  }
}

function line(context: CanvasRenderingContext2D, from: [number, number], to: [number, number], color: string): void {
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
