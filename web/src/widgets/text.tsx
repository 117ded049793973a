// Texts: one line beside its label, or a field that fills its row; in prompts Ctrl+Up and Ctrl+Down change weights.
// Values nobody declared are edited as JSON. While an input method composes, nothing is stored. Knows no store.

import { type KeyboardEvent, type RefObject, useRef, useState } from "react";
import { t } from "../i18n";
import type { WidgetSpec } from "../model/spec";
import type { Json } from "../model/types";
import type { ControlProps } from ".";
import { changeWeight, type Replacement } from "./weights";

const WEIGHT_STEP = 0.05;

type TextSpec = Extract<WidgetSpec, { kind: "text" }>;

export function TextWidget(props: ControlProps<TextSpec>) {
  const { spec, value, label, disabled, onChange, describedBy, path, input } = props;
  const text = typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);
  const field = useRef<HTMLTextAreaElement & HTMLInputElement>(null);
  const draft = useDraft(text, (next, session) => onChange(next, `${path} ${input.name} ${session}`));
  const hint = spec.prompt ? t("widgets.prompt_hint") : undefined;

  function keys(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    if (spec.prompt && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      const delta = event.key === "ArrowUp" ? WEIGHT_STEP : event.key === "ArrowDown" ? -WEIGHT_STEP : 0;
      if (delta !== 0 && field.current) {
        event.preventDefault();
        const { value: whole, selectionStart, selectionEnd } = field.current;
        const change = changeWeight(whole, selectionStart ?? 0, selectionEnd ?? 0, delta);
        if (change) replace(field, change);
      }
    }
    if (event.key === "Escape" || (!spec.multiline && event.key === "Enter" && !event.ctrlKey && !event.metaKey)) {
      event.stopPropagation();
      leave(field.current);
    }
  }

  const shared = {
    ref: field,
    "aria-label": label,
    "aria-describedby": describedBy,
    "aria-invalid": describedBy ? (true as const) : undefined,
    placeholder: spec.placeholder || undefined,
    readOnly: disabled,
    spellCheck: spec.prompt,
    autoComplete: "off",
    autoCapitalize: "off",
    onKeyDown: keys,
    ...draft.handlers,
  };
  if (!spec.multiline) {
    return (
      <div className="w-field w-line">
        <span className="w-label clip" aria-hidden="true">
          {label}
        </span>
        <input {...shared} className="w-input" value={draft.text} />
      </div>
    );
  }
  return (
    <div className="w-field w-area">
      <span className="w-caption clip" aria-hidden="true">
        {label}
      </span>
      <textarea {...shared} className={draft.typing ? "nowheel" : undefined} value={draft.text} title={hint} />
    </div>
  );
}

/** A value without a declaration. What is no JSON is not stored, and marked. */
export function JsonWidget({ value, label, disabled, onChange, describedBy }: ControlProps) {
  const stored = JSON.stringify(value);
  const [draft, setDraft] = useState<string | null>(null);
  const bad = draft !== null && readJson(draft) === undefined;
  function commit() {
    const next = draft === null ? undefined : readJson(draft);
    setDraft(null);
    if (next !== undefined && JSON.stringify(next) !== stored) onChange(next);
  }
  return (
    <div className="w-field w-area">
      <span className="w-caption clip" aria-hidden="true">
        {label}
      </span>
      <textarea
        className="w-json"
        aria-label={label}
        aria-describedby={describedBy}
        aria-invalid={bad || describedBy ? true : undefined}
        title={bad ? t("widgets.no_json") : undefined}
        readOnly={disabled}
        spellCheck={false}
        value={draft ?? stored}
        onChange={(event) => setDraft(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter" && !event.shiftKey) {
            // With Ctrl it goes on to start a run, which must have the new value.
            if (!bad) commit();
            if (!event.ctrlKey && !event.metaKey) event.preventDefault();
          } else if (event.key === "Escape") {
            event.stopPropagation();
            setDraft(null);
            leave(event.currentTarget);
          }
        }}
      />
    </div>
  );
}

/** Read JSON, or a bare text as itself; undefined for what begins like JSON and is none. */
export function readJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return /^\s*(["[{]|-?\d)/.test(text) ? undefined : text;
  }
}

/**
 * The text while one types: ahead of the stored one only as long as an input method composes. What is typed from
 * entering the field to leaving it is one session.
 */
function useDraft(stored: string, commit: (text: string, session: string) => void) {
  const [composed, setComposed] = useState<string | null>(null);
  const [typing, setTyping] = useState(false);
  const session = useRef("");
  const composing = useRef(false);

  return {
    text: composed ?? stored,
    typing,
    handlers: {
      onFocus() {
        session.current = `typed ${Date.now()}`;
        setTyping(true);
      },
      onBlur() {
        setTyping(false);
        composing.current = false;
        if (composed !== null) commit(composed, session.current);
        setComposed(null);
      },
      onCompositionStart() {
        composing.current = true;
      },
      onCompositionEnd(event: { currentTarget: { value: string } }) {
        composing.current = false;
        setComposed(null);
        commit(event.currentTarget.value, session.current);
      },
      onChange(event: { currentTarget: { value: string } }) {
        if (composing.current) setComposed(event.currentTarget.value);
        else commit(event.currentTarget.value, session.current);
      },
    },
  };
}

/** Change a field so that the browser's own undo knows of it. */
function replace(field: RefObject<(HTMLTextAreaElement & HTMLInputElement) | null>, change: Replacement) {
  const element = field.current;
  if (element === null) return;
  element.setSelectionRange(change.from, change.to);
  const known =
    change.text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, change.text);
  if (!known) {
    element.setRangeText(change.text, change.from, change.to, "select");
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }
  element.setSelectionRange(change.start, change.end);
}

/** Give the keyboard back to the node around, or to nothing. */
function leave(element: HTMLElement | null) {
  element?.blur();
  element?.closest<HTMLElement>("[data-node][tabindex]")?.focus({ preventScroll: true });
}
