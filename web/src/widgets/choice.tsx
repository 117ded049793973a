// One of several options: a button that opens a list with a search field above it; pictures beside the options where
// there are any. Only the rows that are seen are drawn. Knows no store and no server.

import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { t } from "../i18n";
import { Icon } from "../icons";
import type { WidgetSpec } from "../model/spec";
import type { ControlProps } from ".";
import { Popup } from "./popup";

type Option = string | number | boolean;
const SEARCH_FROM = 8;
const ROW = 28;
const ROW_WITH_PICTURE = 52;
const ROW_ON_TOUCH = 44;

export function ChoiceWidget(props: ControlProps<Extract<WidgetSpec, { kind: "choice" }>>) {
  return <Choice {...props} options={props.spec.options} />;
}

export interface ChoiceProps extends ControlProps {
  options: readonly Option[];
  /** Address of a small picture of an option. */
  picture?: (option: Option) => string | undefined;
  /** More buttons at the end of the row. */
  children?: ReactNode;
}

/** The row: the button with the chosen option, and its list while it is open. */
export function Choice({ options, picture, children, ...props }: ChoiceProps) {
  const { value, label, disabled, onChange, describedBy } = props;
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const listId = useId();
  const text =
    value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const known = options.some((option) => option === value);

  function close(refocus = true) {
    setOpen(false);
    if (refocus) button.current?.focus({ preventScroll: true });
  }
  function step(by: number) {
    const at = options.indexOf(value as Option);
    const next = options[Math.min(options.length - 1, Math.max(0, at + by))];
    if (next !== undefined && next !== value) onChange(next);
  }
  function key(event: KeyboardEvent) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      event.stopPropagation();
      step(event.key === "ArrowLeft" ? -1 : 1);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      event.stopPropagation();
      setOpen(true);
    }
  }

  return (
    <div className="w-field w-choice">
      <button
        ref={button}
        type="button"
        className="w-pick"
        role="combobox"
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-controls={open ? listId : undefined}
        aria-label={label}
        aria-describedby={describedBy}
        aria-invalid={describedBy ? true : undefined}
        disabled={disabled}
        onClick={() => setOpen(!open)}
        onKeyDown={key}
        title={text}
      >
        <span className="w-label clip" aria-hidden="true">
          {label}
        </span>
        <span className={known ? "w-value" : "w-value w-unknown"}>
          <bdi>{text || t("widgets.nothing_chosen")}</bdi>
        </span>
        <Icon name="down" />
      </button>
      {children}
      {open && (
        <Popup label={label} anchor={button} onClose={() => close(false)}>
          <OptionList
            id={listId}
            label={label}
            options={options}
            chosen={value as Option}
            picture={picture}
            onChoose={(option) => {
              close();
              if (option !== value) onChange(option);
            }}
            onClose={close}
          />
        </Popup>
      )}
    </div>
  );
}

interface OptionListProps {
  id: string;
  label: string;
  options: readonly Option[];
  chosen: Option;
  picture: ((option: Option) => string | undefined) | undefined;
  onChoose(option: Option): void;
  onClose(): void;
}

function OptionList({ id, label, options, chosen, picture, onChoose, onClose }: OptionListProps) {
  const [query, setQuery] = useState("");
  const found = useMemo(() => searchOptions(options, query), [options, query]);
  const [at, setAt] = useState(() => Math.max(0, options.indexOf(chosen)));
  const [top, setTop] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const row = picture ? ROW_WITH_PICTURE : matchMedia("(pointer: coarse)").matches ? ROW_ON_TOUCH : ROW;
  const tall = Math.min(found.length * row, 8 * 44);
  const first = Math.max(0, Math.floor(top / row) - 4);
  const last = Math.min(found.length, Math.ceil((top + tall) / row) + 4);
  const searched = options.length >= SEARCH_FROM;

  // After the layout effect that opens the popup: what is hidden takes no focus.
  useEffect(() => {
    (search.current ?? list.current)?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    const place = at * row;
    if (place < element.scrollTop) element.scrollTop = place;
    else if (place + row > element.scrollTop + element.clientHeight)
      element.scrollTop = place + row - element.clientHeight;
  }, [at, row]);

  function key(event: KeyboardEvent) {
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    const page = Math.max(1, Math.floor(tall / row) - 1);
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const move = moves[event.key];
    if (move !== undefined) setAt(Math.min(found.length - 1, Math.max(0, at + move)));
    else if (event.key === "Home" && !query) setAt(0);
    else if (event.key === "End" && !query) setAt(found.length - 1);
    else if (event.key === "Enter" || (event.key === " " && !searched)) {
      const option = found[at];
      if (option !== undefined) onChoose(option);
    } else if (event.key === "Escape" || event.key === "Tab") onClose();
    else return;
    event.preventDefault();
  }

  const optionId = (index: number) => `${id}-${index}`;
  const active = found.length > 0 ? optionId(at) : undefined;
  return (
    <>
      {searched && (
        <div className="w-search">
          <Icon name="search" />
          <input
            ref={search}
            role="combobox"
            aria-expanded="true"
            aria-autocomplete="list"
            aria-controls={id}
            aria-activedescendant={active}
            aria-label={t("widgets.search", { name: label })}
            placeholder={t("widgets.search_hint", { n: options.length })}
            value={query}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              setQuery(event.currentTarget.value);
              setAt(0);
            }}
            onKeyDown={key}
          />
        </div>
      )}
      {found.length === 0 && <div className="empty">{t("widgets.no_option")}</div>}
      <div
        ref={list}
        id={id}
        role="listbox"
        aria-label={label}
        aria-activedescendant={searched ? undefined : active}
        tabIndex={searched ? -1 : 0}
        className="w-options nowheel"
        style={{ height: tall }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={searched ? undefined : key}
      >
        <div role="presentation" style={{ height: found.length * row, position: "relative" }}>
          {found.slice(first, last).map((option, offset) => {
            const index = first + offset;
            const url = picture?.(option);
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the keys go to the field that owns the list
              // biome-ignore lint/a11y/useFocusableInteractive: it is the active descendant that has the focus
              <div
                key={String(option)}
                id={optionId(index)}
                role="option"
                aria-selected={option === chosen}
                aria-setsize={found.length}
                aria-posinset={index + 1}
                data-option={String(option)}
                className={index === at ? "w-option active" : "w-option"}
                style={{ top: index * row, height: row }}
                onPointerMove={() => index !== at && setAt(index)}
                onClick={() => onChoose(option)}
                title={String(option)}
              >
                {picture && (
                  <span className="w-thumb">{url && <img src={url} alt="" loading="lazy" decoding="async" />}</span>
                )}
                <span className="grow clip">{String(option) || t("widgets.empty_option")}</span>
                {option === chosen && <Icon name="check" />}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

/** Return the options that match every word, best first: those that begin so, contain it, or have its letters in order. */
export function searchOptions(options: readonly Option[], query: string): readonly Option[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return options;
  const ranked: { option: Option; rank: number; at: number }[] = [];
  for (const [at, option] of options.entries()) {
    const text = String(option).toLowerCase();
    let rank = 0;
    for (const word of words) {
      const own = rankOf(text, word);
      if (own === undefined) {
        rank = -1;
        break;
      }
      rank += own;
    }
    if (rank >= 0) ranked.push({ option, rank, at });
  }
  return ranked.sort((one, other) => one.rank - other.rank || one.at - other.at).map((each) => each.option);
}

function rankOf(text: string, word: string): number | undefined {
  const place = text.indexOf(word);
  if (place === 0) return 0;
  if (place > 0) return /[\s/\\._-]/.test(text.charAt(place - 1)) ? 1 : 2;
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return undefined;
  }
  return 3;
}
