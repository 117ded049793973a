// What the user may choose, and the keys: both lists come from tables, so that a new setting or key shows by itself.
// Knows the settings' store, the commands and the keys.

import { type KeyboardEvent, useMemo, useState } from "react";
import { commands } from "../commands";
import { LANGUAGES, t } from "../i18n";
import { Icon } from "../icons";
import { bindingsOf, conflicts, keysOfEvent, shown } from "../keys";
import { DEFAULT_SETTINGS, resetSettings, type Settings, setSetting, useSetting } from "../store/settings";
import { Panel } from "./Panel";

type Row =
  | { name: keyof Settings; kind: "choice"; options: readonly string[] }
  | { name: keyof Settings; kind: "switch" }
  | { name: keyof Settings; kind: "number"; min: number; max: number; step: number };

const SECTIONS: { title: string; rows: Row[] }[] = [
  {
    title: "look",
    rows: [
      { name: "theme", kind: "choice", options: ["system", "dark", "light", "contrast"] },
      { name: "language", kind: "choice", options: ["auto", ...LANGUAGES.map((language) => language.id)] },
      { name: "motion", kind: "choice", options: ["system", "reduced", "full"] },
    ],
  },
  {
    title: "canvas",
    rows: [
      { name: "linkStyle", kind: "choice", options: ["curve", "straight", "step"] },
      { name: "wheel", kind: "choice", options: ["zoom", "pan"] },
      { name: "snap", kind: "switch" },
      { name: "gridSize", kind: "number", min: 1, max: 100, step: 1 },
      { name: "previewSize", kind: "number", min: 80, max: 800, step: 20 },
    ],
  },
  { title: "runs", rows: [{ name: "previews", kind: "switch" }] },
  { title: "files", rows: [{ name: "autosave", kind: "switch" }] },
];

export default function SettingsPanel() {
  return (
    <Panel
      name="settings"
      actions={
        <button type="button" className="button quiet" onClick={resetSettings}>
          {t("settings.reset")}
        </button>
      }
    >
      {SECTIONS.map((section) => (
        <fieldset key={section.title} className="panel-section">
          <legend>{t(`settings.section.${section.title}`)}</legend>
          {section.rows.map((row) => (
            <SettingRow key={row.name} row={row} />
          ))}
        </fieldset>
      ))}
    </Panel>
  );
}

function SettingRow({ row }: { row: Row }) {
  const value = useSetting(row.name);
  const label = t(`settings.${row.name}`);
  const id = `setting-${row.name}`;
  const set = (wanted: unknown) => setSetting(row.name, wanted as never);
  return (
    <div className="setting" data-setting={row.name}>
      <label htmlFor={id}>{label}</label>
      {row.kind === "choice" && (
        <select id={id} className="input" value={String(value)} onChange={(event) => set(event.target.value)}>
          {row.options.map((option) => (
            <option key={option} value={option}>
              {LANGUAGES.find((language) => language.id === option)?.name ?? t(`settings.${row.name}.${option}`)}
            </option>
          ))}
        </select>
      )}
      {row.kind === "switch" && (
        <input id={id} type="checkbox" checked={value === true} onChange={(event) => set(event.target.checked)} />
      )}
      {row.kind === "number" && (
        <input
          id={id}
          type="number"
          className="input"
          min={row.min}
          max={row.max}
          step={row.step}
          value={Number(value)}
          onChange={(event) => {
            const number = event.target.valueAsNumber;
            if (number >= row.min && number <= row.max) set(number);
          }}
        />
      )}
    </div>
  );
}

/** All commands with their keys, which can be changed; keys that mean two things are marked. */
export function Keys() {
  const preset = useSetting("keyPreset");
  const custom = useSetting("customKeys");
  const [query, setQuery] = useState("");
  const bindings = useMemo(() => bindingsOf(preset, custom), [preset, custom]);
  const twice = useMemo(() => conflicts(bindings), [bindings]);
  const words = query.toLowerCase();
  const rows = Object.values(commands)
    .map((command) => ({
      command,
      label: t(command.label),
      keys: bindings.filter((binding) => binding.command === command.id).map((binding) => binding.keys),
    }))
    .filter(
      ({ label, keys }) => label.toLowerCase().includes(words) || keys.some((one) => one.toLowerCase().includes(words)),
    );
  const groups = new Map<string, typeof rows>();
  for (const row of rows) groups.set(row.command.group, [...(groups.get(row.command.group) ?? []), row]);
  return (
    <Panel
      name="keys"
      actions={
        <button
          type="button"
          className="button quiet"
          disabled={Object.keys(custom).length === 0}
          onClick={() => setSetting("customKeys", DEFAULT_SETTINGS.customKeys)}
        >
          {t("settings.reset")}
        </button>
      }
    >
      <div className="setting">
        <label htmlFor="setting-keyPreset">{t("settings.keyPreset")}</label>
        <select
          id="setting-keyPreset"
          className="input"
          value={preset}
          onChange={(event) => setSetting("keyPreset", event.target.value as Settings["keyPreset"])}
        >
          <option value="comfy">ComfyUI</option>
          <option value="blender">Blender</option>
        </select>
      </div>
      <input
        className="input filter"
        type="search"
        aria-label={t("keys.search")}
        placeholder={t("keys.search")}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      {twice.size > 0 && (
        <p className="notice warning">{t("keys.conflicts", { keys: [...twice.keys()].map(shown).join(", ") })}</p>
      )}
      {[...groups].map(([group, list]) => (
        <section key={group} className="panel-section" aria-label={t(`commandGroup.${group}`)}>
          <h3>{t(`commandGroup.${group}`)}</h3>
          <ul className="list">
            {list.map(({ command, label, keys }) => (
              <KeyRow key={command.id} id={command.id} label={label} keys={keys} twice={twice} />
            ))}
          </ul>
        </section>
      ))}
      <section className="panel-section" aria-label={t("keys.mouse")}>
        <h3>{t("keys.mouse")}</h3>
        <dl className="facts">
          {MOUSE.map((habit) => (
            <div key={habit} className="fact">
              <dt>{t(`mouse.${habit}.how`)}</dt>
              <dd>{t(`mouse.${habit}.what`)}</dd>
            </div>
          ))}
        </dl>
      </section>
    </Panel>
  );
}

const MOUSE = [
  "add",
  "moveLink",
  "moveAll",
  "disconnect",
  "clone",
  "reroute",
  "rerouteNode",
  "branch",
  "linkMenu",
  "boxSelect",
  "addToSelection",
  "pan",
  "zoom",
  "zoomDrag",
  "menu",
  "rename",
  "number",
  "snap",
  "knife",
];

interface KeyRowProps {
  id: string;
  label: string;
  keys: string[];
  twice: ReadonlyMap<string, string[]>;
}

function KeyRow({ id, label, keys, twice }: KeyRowProps) {
  const custom = useSetting("customKeys");
  const [recording, setRecording] = useState(false);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!recording || event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape" && keys[0] !== "Escape") {
      setRecording(false);
      return;
    }
    const pressed = keysOfEvent(event.nativeEvent);
    if (pressed === "") return;
    setSetting("customKeys", { ...custom, [id]: [pressed] });
    setRecording(false);
  };
  const reset = () => {
    const { [id]: _own, ...rest } = custom;
    setSetting("customKeys", rest);
  };
  const isDouble = keys.some((one) => twice.has(one));
  return (
    <li className="key-row" data-key-row={id}>
      <span className="grow clip">{label}</span>
      {custom[id] !== undefined && (
        <button
          type="button"
          className="icon-button"
          aria-label={t("keys.resetOne", { name: label })}
          title={t("keys.resetOne", { name: label })}
          onClick={reset}
        >
          <Icon name="undo" />
        </button>
      )}
      {keys.length > 0 && (
        <button
          type="button"
          className="icon-button"
          aria-label={t("keys.none", { name: label })}
          title={t("keys.none", { name: label })}
          onClick={() => setSetting("customKeys", { ...custom, [id]: [] })}
        >
          <Icon name="clear" />
        </button>
      )}
      <button
        type="button"
        className={isDouble ? "key-button bad" : "key-button"}
        title={t("keys.change", { name: label })}
        onClick={() => setRecording(true)}
        onBlur={() => setRecording(false)}
        onKeyDown={onKeyDown}
      >
        <span className="sr-only">{t("keys.change", { name: label })}: </span>
        {recording
          ? t("keys.press")
          : keys.length === 0
            ? "–"
            : keys.map((one) => (
                <kbd key={one} className="key">
                  {shown(one)}
                </kbd>
              ))}
      </button>
    </li>
  );
}
