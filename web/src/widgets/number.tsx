// Whole and real numbers in one row: drag sideways, click to type (expressions too), arrows to step; a slider where the
// declaration asks for one; for seeds what becomes of them before the next run. Knows no store.

import { type KeyboardEvent, type PointerEvent, useCallback, useRef, useState } from "react";
import { noFlicks } from "../flick";
import { t } from "../i18n";
import { Icon, type IconName } from "../icons";
import type { Json, SeedControl } from "../model/types";
import type { ControlProps } from ".";
import {
  asNumber,
  dragged,
  formatNumber,
  fraction,
  hasRange,
  type NumberSpec,
  newSeed,
  parseNumber,
  stepped,
} from "./numeric";

const DRAG_STARTS = 3;
const MODES: readonly SeedControl[] = ["fixed", "increment", "decrement", "randomize"];
const MODE_ICONS: Record<SeedControl, IconName> = {
  fixed: "lock",
  increment: "plus",
  decrement: "minus",
  randomize: "shuffle",
};

export function NumberWidget(props: ControlProps<NumberSpec>) {
  const { spec, value, disabled, onChange, label } = props;
  const seed = spec.kind === "int" && (spec.control || spec.seed);
  const steppers = !seed && !(spec.kind === "float" && spec.slider);
  return (
    <div className="w-field w-number">
      {steppers && (
        <Stepper label={t("widgets.less", { name: label })} icon="left" disabled={disabled} step={-1} {...{ props }} />
      )}
      <NumberField {...props} />
      {steppers && (
        <Stepper label={t("widgets.more", { name: label })} icon="right" disabled={disabled} step={1} {...{ props }} />
      )}
      {seed && (
        <>
          <SeedMode {...props} />
          <button
            type="button"
            className="w-icon"
            aria-label={t("widgets.new_seed")}
            title={t("widgets.new_seed")}
            disabled={disabled}
            data-new-seed
            onClick={() => onChange(differentSeed(spec, value))}
          >
            <Icon name="die" />
          </button>
        </>
      )}
    </div>
  );
}

interface StepperProps {
  label: string;
  icon: IconName;
  step: number;
  disabled: boolean;
  props: ControlProps<NumberSpec>;
}

function Stepper({ label, icon, step, disabled, props }: StepperProps) {
  return (
    <button
      type="button"
      className="w-icon w-step"
      tabIndex={-1}
      aria-label={label}
      disabled={disabled}
      onClick={() => props.onChange(stepped(props.value, step, props.spec))}
    >
      <Icon name={icon} />
    </button>
  );
}

function NumberField(props: ControlProps<NumberSpec>) {
  const { spec, value, label, disabled, onChange, describedBy, input } = props;
  const [draft, setDraft] = useState<{ text: string; typed: boolean } | null>(null);
  const [moving, setMoving] = useState<Json>(null);
  const drag = useRef<{ x: number; y: number; from: Json; moved: boolean; latest: Json } | null>(null);
  const field = useCallback((element: HTMLDivElement) => {
    // A finger that goes up or down scrolls the form.
    const isSideways = ({ clientX, clientY }: Touch) =>
      drag.current !== null && Math.abs(clientX - drag.current.x) > Math.abs(clientY - drag.current.y);
    return noFlicks(element, isSideways);
  }, []);
  const shown = moving ?? value;
  const slider = spec.kind === "float" && spec.slider;

  /** `typed`: the text is what was just pressed, and more of it follows; else it is the value, to be typed over. */
  function edit(text: string, typed = false) {
    if (!disabled) setDraft({ text, typed });
  }
  function commit(text: string) {
    const next = parseNumber(text, spec, value);
    setDraft(null);
    if (next !== undefined && next !== value) onChange(next);
  }

  function down(event: PointerEvent<HTMLDivElement>) {
    if (disabled || event.button !== 0 || !event.isPrimary) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, from: value, moved: false, latest: value };
  }
  function move(event: PointerEvent<HTMLDivElement>) {
    const state = drag.current;
    if (state === null) return;
    if (!state.moved && Math.abs(event.clientX - state.x) < DRAG_STARTS) return;
    const speed = event.shiftKey ? 0.1 : event.ctrlKey || event.metaKey ? 10 : 1;
    // On a scaled canvas pixels on the screen are not pixels of the field; the ratio of widths knows the scale.
    const box = event.currentTarget.getBoundingClientRect();
    state.moved = true;
    state.latest = dragged(state.from, event.clientX - state.x, box.width, spec, speed);
    setMoving(state.latest);
  }
  function up() {
    const state = drag.current;
    drag.current = null;
    setMoving(null);
    if (state === null) return;
    if (!state.moved) edit(formatNumber(value, spec));
    else if (state.latest !== value) onChange(state.latest);
  }
  function cancel() {
    drag.current = null;
    setMoving(null);
  }

  function key(event: KeyboardEvent<HTMLDivElement>) {
    if (event.altKey || event.ctrlKey || event.metaKey || disabled) {
      if (!event.ctrlKey || !event.key.startsWith("Arrow")) return;
    }
    const steps = keySteps(event);
    if (steps !== 0) {
      event.preventDefault();
      event.stopPropagation();
      onChange(stepped(value, steps, spec), `${props.path} ${input.name} keys`);
    } else if (event.key === "Enter" || event.key === "F2") {
      event.preventDefault();
      event.stopPropagation();
      edit(formatNumber(value, spec));
    } else if ((event.key === "Home" || event.key === "End") && hasRange(spec)) {
      event.preventDefault();
      onChange(event.key === "Home" ? spec.min : spec.max);
    } else if (/^[\d.]$/.test(event.key) || (event.key === "-" && spec.min < 0)) {
      event.preventDefault();
      event.stopPropagation();
      edit(event.key, true);
    } else if (event.key === "Escape" && moving !== null) {
      cancel();
    }
  }

  if (draft !== null) {
    return (
      <NumberInput
        draft={draft.text}
        typed={draft.typed}
        label={label}
        describedBy={describedBy}
        commit={commit}
        end={() => setDraft(null)}
      />
    );
  }
  const text = formatNumber(shown, spec);
  return (
    <div
      ref={field}
      className={moving === null ? "w-drag" : "w-drag moving"}
      role="spinbutton"
      tabIndex={disabled ? -1 : 0}
      aria-label={label}
      aria-disabled={disabled || undefined}
      aria-invalid={describedBy ? true : undefined}
      aria-describedby={describedBy}
      aria-valuenow={asNumber(shown)}
      aria-valuetext={text}
      aria-valuemin={hasRange(spec) ? spec.min : undefined}
      aria-valuemax={hasRange(spec) ? spec.max : undefined}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={cancel}
      onKeyDown={key}
      onDoubleClick={() => edit(formatNumber(value, spec))}
    >
      {slider && <span className="w-track" style={{ width: `${fraction(shown, spec) * 100}%` }} />}
      <span className="w-label clip">{label}</span>
      {moving !== null && hasRange(spec) && (
        <span className="w-range">
          {spec.min} – {spec.max}
        </span>
      )}
      <span className="w-value number clip">{text}</span>
    </div>
  );
}

interface NumberInputProps {
  draft: string;
  typed: boolean;
  label: string;
  describedBy: string | undefined;
  commit(text: string): void;
  end(): void;
}

/** The field while one types. Enter and leaving keep the value, Escape does not. */
function NumberInput({ draft, typed, label, describedBy, commit, end }: NumberInputProps) {
  const done = useRef(false);
  return (
    <input
      className="w-input number"
      aria-label={label}
      aria-describedby={describedBy}
      inputMode="text"
      autoComplete="off"
      spellCheck={false}
      defaultValue={draft}
      ref={(element) => {
        if (element === null || element === document.activeElement) return;
        element.focus({ preventScroll: true });
        if (typed) element.setSelectionRange(1, 1);
        else element.select();
      }}
      onPointerDown={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        const command = event.ctrlKey || event.metaKey;
        if (!command) event.stopPropagation();
        if (event.nativeEvent.isComposing) return;
        if (event.key === "Enter" || event.key === "Escape") {
          // Ctrl+Enter goes on to start a run, with the value that stands here.
          if (!command) event.preventDefault();
          done.current = true;
          const row = event.currentTarget.parentElement;
          if (event.key === "Enter") commit(event.currentTarget.value);
          else end();
          // The keyboard stays on the field, which is drawn anew.
          requestAnimationFrame(() => row?.querySelector<HTMLElement>(".w-drag")?.focus({ preventScroll: true }));
        }
      }}
      onBlur={(event) => {
        if (!done.current) commit(event.currentTarget.value);
      }}
    />
  );
}

function SeedMode({ control, disabled, onControl, label }: ControlProps<NumberSpec>) {
  const mode = control ?? "fixed";
  const text = t("widgets.seed_mode", { name: label });
  return (
    <span className="w-icon w-mode" title={`${text}: ${t(`widgets.seed.${mode}`)}`}>
      <Icon name={MODE_ICONS[mode]} />
      <select
        aria-label={text}
        value={mode}
        disabled={disabled}
        data-seed-mode={mode}
        onChange={(event) => onControl(event.currentTarget.value as SeedControl)}
      >
        {MODES.map((each) => (
          <option key={each} value={each}>
            {t(`widgets.seed.${each}`)}
          </option>
        ))}
      </select>
    </span>
  );
}

function keySteps(event: KeyboardEvent): number {
  const size = event.shiftKey ? 10 : event.ctrlKey ? 100 : 1;
  if (event.key === "ArrowUp" || event.key === "ArrowRight") return size;
  if (event.key === "ArrowDown" || event.key === "ArrowLeft") return -size;
  if (event.key === "PageUp") return 10;
  if (event.key === "PageDown") return -10;
  return 0;
}

function differentSeed(spec: NumberSpec, value: Json): number {
  const seed = newSeed(spec);
  return seed === value ? newSeed(spec) : seed;
}
