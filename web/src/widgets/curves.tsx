// Curves of training, one chart for each thing measured, and sample pictures by step. Values under the pointer or the
// arrow keys are said in words; all of them can be read as a table. Knows no store and no server.

import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { t, useLanguage } from "../i18n";
import { byMeasure, nearest, type Series, short, smoothed } from "./chart";
import { type Drawing, drawChart, stepAt } from "./chart_canvas";
import "./media.css";

const HUES = 12;
const FIRST_HUES = [8, 1, 5, 3, 2, 6, 4, 11, 7, 0, 9, 10];
const MOST_ROWS = 200;

export interface CurvesProps {
  /** By "node name", as the runs store has them. */
  curves: Record<string, { steps: readonly number[]; values: readonly (number | null)[] }>;
  /** What a node is called; left out: by its id. */
  titleOf?(node: string): string;
}

export function Curves({ curves, titleOf }: CurvesProps) {
  useLanguage();
  const [smoothing, setSmoothing] = useState(0);
  const [log, setLog] = useState(false);
  const [table, setTable] = useState(false);
  const groups = useMemo(() => {
    const found = byMeasure(curves).map(({ name, series }) => ({ name, series: titled(series, titleOf) }));
    // What all are after stands first.
    return found.sort((one, other) => Number(/loss/i.test(other.name)) - Number(/loss/i.test(one.name)));
  }, [curves, titleOf]);
  if (groups.length === 0) return <p className="empty">{t("curves.none")}</p>;
  return (
    <div className="curves" data-curves>
      <div className="curves-bar">
        <label className="check">
          <span className="label">{t("curves.smoothing")}</span>
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={smoothing}
            onChange={(event) => setSmoothing(Number(event.currentTarget.value))}
          />
          <span className="number">{smoothing.toFixed(2)}</span>
        </label>
        <label className="check">
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} />
          {t("curves.log")}
        </label>
        <label className="check">
          <input type="checkbox" checked={table} onChange={(event) => setTable(event.currentTarget.checked)} />
          {t("curves.table")}
        </label>
      </div>
      {groups.map((group) => (
        <Chart key={group.name} {...group} smoothing={smoothing} log={log} table={table} />
      ))}
    </div>
  );
}

/** The lines with the names of their nodes; of several that are called the same with their ids. */
function titled(series: Series[], titleOf?: (node: string) => string): Series[] {
  if (titleOf === undefined) return series;
  const names = series.map((line) => titleOf(line.name));
  return series.map((line, at) => {
    const name = names[at] ?? line.name;
    const isOnly = names.indexOf(name) === names.lastIndexOf(name);
    return { ...line, name: isOnly ? name : `${name} (${line.name})` };
  });
}

interface ChartProps {
  name: string;
  series: Series[];
  smoothing: number;
  log: boolean;
  table: boolean;
}

function Chart({ name, series, smoothing, log, table }: ChartProps) {
  const [hidden, setHidden] = useState<readonly string[]>([]);
  const [step, setStep] = useState<number | null>(null);
  const [width, setWidth] = useState(0);
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const lines = useMemo(
    () =>
      series.map((each, at) => ({
        ...each,
        smooth: smoothed(each.values, smoothing),
        hue: (FIRST_HUES[at % HUES] ?? 0) % HUES,
      })),
    [series, smoothing],
  );
  const shown = useMemo(() => lines.filter((line) => !hidden.includes(line.name)), [lines, hidden]);
  const longest = shown.reduce<Series | undefined>(
    (most, line) => (line.steps.length > (most?.steps.length ?? 0) ? line : most),
    undefined,
  );

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the width is read from the canvas itself
  useEffect(() => {
    if (canvas.current) drawing.current = drawChart(canvas.current, shown, { log, faint: smoothing > 0, step });
  }, [shown, log, smoothing, step, width]);

  function keys(event: KeyboardEvent) {
    const steps = longest?.steps ?? [];
    const at = step === null ? steps.length : nearest(steps, step);
    const ways: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 };
    const next = ways[event.key];
    if (event.key === "Escape") setStep(null);
    else if (next !== undefined) setStep(steps[Math.min(steps.length - 1, Math.max(0, next))] ?? null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const read = (line: (typeof lines)[number], at: number | null) =>
    line.smooth[at === null ? line.smooth.length - 1 : nearest(line.steps, at)] ?? null;

  const words = shown.map((line) =>
    t("curves.last", { name: line.name, value: short(read(line, step)), step: step ?? line.steps.at(-1) ?? 0 }),
  );
  const place = step !== null && drawing.current ? drawing.current.xOf(step) : null;
  return (
    <section className="curve" aria-label={name} data-curve={name}>
      <div className="curve-head">
        <strong>{name}</strong>
        <div className="curve-names">
          {lines.map((line) => (
            <button
              key={line.name}
              type="button"
              className="curve-name"
              aria-pressed={!hidden.includes(line.name)}
              onClick={() =>
                setHidden(
                  hidden.includes(line.name) ? hidden.filter((other) => other !== line.name) : [...hidden, line.name],
                )
              }
            >
              <span className="curve-mark" style={{ background: `var(--hue-${line.hue})` }} />
              {line.name} <span className="number dim">{short(read(line, step))}</span>
            </button>
          ))}
        </div>
      </div>
      <div className="curve-chart">
        <canvas
          ref={canvas}
          role="img"
          tabIndex={0}
          aria-label={`${t("curves.chart", { names: name })}. ${words.join("; ")}`}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const wanted = drawing.current && stepAt(drawing.current, event.clientX - box.left);
            const at = wanted === null || !longest ? -1 : nearest(longest.steps, wanted);
            setStep(longest?.steps[at] ?? null);
          }}
          onPointerLeave={() => setStep(null)}
          onKeyDown={keys}
          onBlur={() => setStep(null)}
        />
        {place !== null && (
          <div
            className="curve-tip number"
            style={place > width / 2 ? { right: width - place + 8 } : { left: place + 8 }}
          >
            {t("curves.step")} {step}
            {shown.map((line) => (
              <div key={line.name} className="curve-name">
                <span className="curve-mark" style={{ background: `var(--hue-${line.hue})` }} />
                {short(read(line, step))}
              </div>
            ))}
          </div>
        )}
        <span className="sr-only" role="status">
          {step === null ? "" : words.join("; ")}
        </span>
      </div>
      {table && <Table name={name} lines={shown} />}
    </section>
  );
}

function Table({ name, lines }: { name: string; lines: readonly Series[] }) {
  const steps = [...new Set(lines.flatMap((line) => line.steps))].sort((one, other) => one - other);
  const every = Math.max(1, Math.ceil(steps.length / MOST_ROWS));
  const rows = steps.filter((_, at) => at % every === 0 || at === steps.length - 1);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section className="curve-table" tabIndex={0} aria-label={`${name}: ${t("curves.table")}`}>
      <table>
        {every > 1 && <caption>{t("curves.rows_left_out", { n: every })}</caption>}
        <thead>
          <tr>
            <th scope="col">{t("curves.step")}</th>
            {lines.map((line) => (
              <th key={line.name} scope="col">
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((step) => (
            <tr key={step}>
              <th scope="row">{step}</th>
              {lines.map((line) => {
                const at = nearest(line.steps, step);
                return <td key={line.name}>{line.steps[at] === step ? short(line.values[at]) : ""}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export interface SamplePicture {
  url: string;
  label: string;
  step: number;
}

/** Pictures made while training, in the order of their steps. */
export function Samples({ pictures, onOpen }: { pictures: readonly SamplePicture[]; onOpen?(at: number): void }) {
  return (
    <div className="samples" data-samples>
      {pictures.map((picture, at) => {
        const text = t("curves.sample", { name: picture.label, step: picture.step });
        return (
          <button key={picture.url} type="button" className="sample" aria-label={text} onClick={() => onOpen?.(at)}>
            <img src={picture.url} alt="" loading="lazy" decoding="async" />
            <span className="clip">{text}</span>
          </button>
        );
      })}
    </div>
  );
}
