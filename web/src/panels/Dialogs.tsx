// The dialogs by kind: which one is open stands in the view's store. Short ones are here, long ones in files of their
// own. Knows what each asks, and leaves what is done to commands and stores.

import { type ComponentType, useEffect, useState } from "react";
import { useStore } from "zustand";
import { sayError } from "../commands";
import { writable } from "../here";
import { t } from "../i18n";
import { setGroup, setTitle } from "../model/ops";
import { renameSub } from "../model/subgraph";
import { edit, renameDoc, resolveConflict, saveDoc, useDoc } from "../store/docs";
import { recentlyClosed, reopenDoc } from "../store/restore";
import type { Dialog } from "../store/shapes";
import { closeDialog, toast, ui } from "../store/ui";
import { Commands, Find, Replace } from "./CommandList";
import { Cancel, DialogFrame } from "./Dialog";
import { ago, when } from "./format";
import { Check, Log } from "./LogDialog";
import { OpenFile, OpenPicture } from "./OpenFile";
import { CompareView, DiffView, PictureView } from "./PictureDialog";
import "./dialogs.css";

type Props = { dialog: Dialog };

const DIALOGS: Record<string, ComponentType<Props>> = {
  saveAs: SaveAs,
  conflict: Conflict,
  rename: Rename,
  confirm: Confirm,
  moveFile: MoveFile,
  openFile: OpenFile,
  openPicture: OpenPicture,
  recent: Recent,
  report: Report,
  check: Check,
  log: Log,
  commands: Commands,
  find: Find,
  replace: Replace,
  picture: PictureView,
  compare: CompareView,
  diff: DiffView,
};

export default function Dialogs() {
  const dialog = useStore(ui, (state) => state.dialog);
  const Open = dialog === null ? undefined : DIALOGS[dialog.kind];
  return dialog === null || Open === undefined ? null : <Open key={dialog.kind} dialog={dialog} />;
}

function NameField({
  label,
  value,
  onChange,
  hint,
}: {
  label: string;
  value: string;
  onChange(text: string): void;
  hint?: string;
}) {
  return (
    <label className="field">
      <span className="label">{label}</span>
      <input
        data-first
        className="input"
        value={value}
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
      />
      {hint && <span className="hint">{hint}</span>}
    </label>
  );
}

function Submit({ label, disabled }: { label: string; disabled?: boolean }) {
  return (
    <button type="submit" className="button primary" disabled={disabled} data-first>
      {label}
    </button>
  );
}

function SaveAs({ dialog }: Props) {
  const tab = String(dialog.tab);
  const [name, setName] = useState(() => String(dialog.name ?? "").replace(/\.json$/i, ""));
  const submit = async () => {
    closeDialog("saveAs");
    try {
      await saveDoc(tab, { as: `${name.trim().replace(/^\/+/, "")}.json` });
    } catch (error) {
      toast("error", t("dialog.saveAs.failed", { why: sayError(error) }));
    }
  };
  return (
    <DialogFrame
      kind="saveAs"
      title={t("dialog.saveAs.title")}
      onSubmit={submit}
      actions={
        <>
          <Cancel />
          <Submit label={t("dialog.saveAs.save")} disabled={name.trim() === ""} />
        </>
      }
    >
      <NameField label={t("dialog.saveAs.name")} value={name} onChange={setName} hint={t("dialog.saveAs.hint")} />
    </DialogFrame>
  );
}

function Conflict({ dialog }: Props) {
  const { tab, name, revision, modified } = dialog as unknown as {
    tab: string;
    name: string;
    revision: string | null;
    modified: number | null;
  };
  const isOwn = useDoc(tab, (open) => open.file?.name === name) ?? false;
  const choose = (choice: Parameters<typeof resolveConflict>[3]) => {
    resolveConflict(tab, name, revision, choice).catch((error: unknown) =>
      toast("error", t("dialog.saveAs.failed", { why: sayError(error) })),
    );
  };
  return (
    <DialogFrame
      kind="conflict"
      title={t(isOwn ? "dialog.conflict.title" : "dialog.conflict.taken")}
      actions={
        <>
          <Cancel />
          <button type="button" className="button danger" data-choice="overwrite" onClick={() => choose("overwrite")}>
            {t("dialog.conflict.overwrite")}
          </button>
          <button type="button" className="button" data-choice="theirs" onClick={() => choose("open theirs")}>
            {t("dialog.conflict.theirs")}
          </button>
          <button
            data-first
            type="button"
            className="button primary"
            data-choice="both"
            onClick={() => choose("keep both")}
          >
            {t("dialog.conflict.both")}
          </button>
        </>
      }
    >
      <p>
        {modified === null
          ? t("dialog.conflict.gone", { name })
          : t(isOwn ? "dialog.conflict.text" : "dialog.conflict.exists", { name, when: when(modified) })}
      </p>
    </DialogFrame>
  );
}

function Rename({ dialog }: Props) {
  const place = writable();
  const { tab, node, group } = dialog as { tab?: string; node?: string; group?: string };
  const known = node === undefined ? undefined : place?.content.nodes[node];
  const sub = known === undefined ? undefined : place?.doc.subs[known.type];
  const [name, setName] = useState(() => {
    if (node !== undefined) return known?.title ?? sub?.name ?? "";
    if (group !== undefined) return place?.content.groups[group]?.title ?? "";
    return place?.open.title ?? "";
  });
  const submit = () => {
    closeDialog("rename");
    if (place === null) return;
    const text = name.trim();
    if (node === undefined && group === undefined) {
      if (text !== "") renameDoc(tab ?? place.tab, text);
      return;
    }
    edit(
      place.tab,
      t("command.node.rename"),
      (doc) => {
        if (node !== undefined && sub !== undefined && known?.title === undefined)
          renameSub(doc, sub.id, text || sub.name);
        else if (node !== undefined) setTitle(doc, place.layer, node, text);
        else if (group !== undefined) setGroup(doc, place.layer, group, { title: text });
      },
      { layer: place.layer },
    );
  };
  return (
    <DialogFrame
      kind="rename"
      title={t("dialog.rename.title")}
      onSubmit={submit}
      actions={
        <>
          <Cancel />
          <Submit label={t("dialog.rename.rename")} />
        </>
      }
    >
      <NameField
        label={t("dialog.rename.name")}
        value={name}
        onChange={setName}
        hint={node !== undefined && sub === undefined ? t("dialog.rename.empty") : undefined}
      />
    </DialogFrame>
  );
}

/** A new name for a file of the server; what is done with it is the caller's. */
function MoveFile({ dialog }: Props) {
  const [name, setName] = useState(String(dialog.name));
  const run = dialog.run as (to: string) => Promise<unknown>;
  const submit = () => {
    closeDialog("moveFile");
    if (name.trim() !== dialog.name) void run(name.trim());
  };
  return (
    <DialogFrame
      kind="moveFile"
      title={t("dialog.move.title")}
      onSubmit={submit}
      actions={
        <>
          <Cancel />
          <Submit label={t("dialog.rename.rename")} disabled={name.trim() === ""} />
        </>
      }
    >
      <NameField label={t("dialog.rename.name")} value={name} onChange={setName} hint={t("dialog.saveAs.hint")} />
    </DialogFrame>
  );
}

function Confirm({ dialog }: Props) {
  const { question, action, run } = dialog as unknown as {
    question: string;
    action: string;
    run(): void | Promise<void>;
  };
  const submit = async () => {
    closeDialog("confirm");
    try {
      await run();
    } catch (error) {
      toast("error", sayError(error));
    }
  };
  return (
    <DialogFrame
      kind="confirm"
      title={t("dialog.confirm.title")}
      onSubmit={submit}
      actions={
        <>
          <Cancel first />
          <button type="submit" className="button danger">
            {action}
          </button>
        </>
      }
    >
      <p>{question}</p>
    </DialogFrame>
  );
}

function Recent(_: Props) {
  const [closed, setClosed] = useState<Awaited<ReturnType<typeof recentlyClosed>> | null>(null);
  useEffect(() => {
    recentlyClosed().then(setClosed, () => setClosed([]));
  }, []);
  const open = async (id: string) => {
    closeDialog("recent");
    if (!(await reopenDoc(id))) toast("error", t("dialog.recent.gone"));
  };
  return (
    <DialogFrame kind="recent" title={t("dialog.recent.title")}>
      {closed?.length === 0 && <p className="empty">{t("dialog.recent.none")}</p>}
      <ul className="list">
        {closed?.map((one) => (
          <li key={one.id}>
            <button type="button" className="list-item" onClick={() => void open(one.id)}>
              <span className="grow clip">{one.title}</span>
              <span className="dim">{one.closed !== null && ago(one.closed / 1000)}</span>
            </button>
          </li>
        ))}
      </ul>
    </DialogFrame>
  );
}

function Report({ dialog }: Props) {
  const tab = String(dialog.tab);
  const report = useDoc(tab, (open) => open.report) ?? [];
  const missing = useDoc(tab, (open) => open.missing) ?? [];
  return (
    <DialogFrame kind="report" title={t("dialog.report.title")}>
      {report.length + missing.length === 0 && <p className="empty">{t("dialog.report.none")}</p>}
      {missing.map((one) => (
        <p key={one.type} className="notice warning">
          {t("dialog.report.missing", { type: one.type, nodes: one.nodes.join(", ") })}{" "}
          {one.nearest.length > 0 && t("dialog.report.nearest", { types: one.nearest.join(", ") })}
        </p>
      ))}
      {report.map((note, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the report of a file does not change
        <p key={index} className={`notice ${note.level}`}>
          {note.node !== null && <strong>{note.node}: </strong>}
          {note.text}
        </p>
      ))}
    </DialogFrame>
  );
}
