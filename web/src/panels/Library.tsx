// What there is to work with, as three panels: node types by category, workflows saved on the server, model files by
// folder. Knows the server's calls and the types' store.

import { useCallback, useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { runCommand } from "../commands";
import { t } from "../i18n";
import { Icon } from "../icons";
import { searchTypes } from "../model/nodetypes";
import type { NodeType } from "../model/spec";
import * as api from "../server/api";
import type { DocumentEntry } from "../server/protocol";
import { docs, openSaved, setSaved } from "../store/docs";
import { types, useWords } from "../store/types";
import { openDialog, ui } from "../store/ui";
import { attempt } from "./attempt";
import { CommandButton } from "./CommandButton";
import { ago, size } from "./format";
import { Empty, Panel } from "./Panel";
import { addType } from "./Search";
import { TypeDot } from "./TypeDot";

const MOST_FOUND = 200;
/** What a node type is called while it is dragged from the panel to the canvas. */
const DRAGGED_TYPE = "application/x-latentloom-node";

function Filter({ value, onChange, label }: { value: string; onChange(text: string): void; label: string }) {
  return (
    <input
      className="input filter"
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

// ---- node types ----------------------------------------------------------------------------------------------

export function Nodes() {
  useWords();
  const known = useStore(types, (state) => state.types);
  const state = useStore(types, (all) => all.state);
  const error = useStore(types, (all) => all.error);
  const [query, setQuery] = useState("");
  const found = useMemo(() => (query === "" ? null : searchTypes(known, query)), [known, query]);
  const tree = useMemo(() => treeOf(known), [known]);
  useEffect(dropOnCanvas, []);
  return (
    <Panel name="nodes" actions={<CommandButton id="types.refresh" icon="again" className="icon-button" />}>
      <Filter value={query} onChange={setQuery} label={t("library.searchNodes")} />
      {state === "loading" && known.size === 0 && <Empty>{t("shell.loading")}</Empty>}
      {state === "failed" && <p className="notice error">{error}</p>}
      {found === null ? (
        <Branches branch={tree} />
      ) : (
        <ul className="list">
          {found.slice(0, MOST_FOUND).map((type) => (
            <TypeRow key={type.id} type={type} />
          ))}
        </ul>
      )}
      {found?.length === 0 && <Empty>{t("search.nothing")}</Empty>}
    </Panel>
  );
}

/** Take types that are dragged to the canvas. Returns what ends it. */
function dropOnCanvas(): () => void {
  const isOurs = (event: DragEvent) =>
    event.dataTransfer?.types.includes(DRAGGED_TYPE) === true &&
    event.target instanceof Element &&
    event.target.closest("[data-canvas]") !== null;
  const onOver = (event: DragEvent) => {
    if (isOurs(event)) event.preventDefault();
  };
  const onDrop = (event: DragEvent) => {
    const type = types.getState().types.get(event.dataTransfer?.getData(DRAGGED_TYPE) ?? "");
    const at = ui.getState().canvas?.screenToGraph([event.clientX, event.clientY]);
    if (!isOurs(event) || type === undefined || at === undefined) return;
    event.preventDefault();
    addType(type, { at });
  };
  window.addEventListener("dragover", onOver);
  window.addEventListener("drop", onDrop);
  return () => {
    window.removeEventListener("dragover", onOver);
    window.removeEventListener("drop", onDrop);
  };
}

interface Branch {
  branches: Map<string, Branch>;
  types: NodeType[];
}

function treeOf(known: ReadonlyMap<string, NodeType>): Branch {
  const root: Branch = { branches: new Map(), types: [] };
  for (const type of searchTypes(known, "")) {
    let at = root;
    for (const part of type.category.split("/").filter(Boolean)) {
      let next = at.branches.get(part);
      if (next === undefined) {
        next = { branches: new Map(), types: [] };
        at.branches.set(part, next);
      }
      at = next;
    }
    at.types.push(type);
  }
  return root;
}

function Branches({ branch }: { branch: Branch }) {
  const named = [...branch.branches].sort(([one], [other]) => one.localeCompare(other));
  return (
    <>
      {named.map(([name, inner]) => (
        <BranchView key={name} name={name} branch={inner} />
      ))}
      {branch.types.length > 0 && (
        <ul className="list">
          {branch.types.map((type) => (
            <TypeRow key={type.id} type={type} />
          ))}
        </ul>
      )}
    </>
  );
}

/** Closed branches have no rows in the page: there may be thousands of types. */
function BranchView({ name, branch }: { name: string; branch: Branch }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="branch" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="grow">{name}</span> <span className="dim number">{sizeOf(branch)}</span>
      </summary>
      {open && (
        <div className="branch-body">
          <Branches branch={branch} />
        </div>
      )}
    </details>
  );
}

function sizeOf(branch: Branch): number {
  let sum = branch.types.length;
  for (const inner of branch.branches.values()) sum += sizeOf(inner);
  return sum;
}

function TypeRow({ type }: { type: NodeType }) {
  const add = () => {
    const canvas = ui.getState().canvas;
    const seen = canvas?.seen();
    addType(type, { at: seen ? [seen.x + seen.width / 2, seen.y + seen.height / 3] : [0, 0] });
  };
  return (
    <li>
      <button
        type="button"
        className="list-item"
        data-type={type.id}
        title={type.description || type.title}
        draggable
        onDragStart={(event) => {
          event.dataTransfer.setData(DRAGGED_TYPE, type.id);
          event.dataTransfer.effectAllowed = "copy";
        }}
        onClick={add}
      >
        <TypeDot type={type.outputs[0]?.type ?? type.inputs[0]?.type ?? "*"} />
        <span className="grow clip">{type.title}</span>
        {type.deprecated && <span className="badge">{t("search.deprecated")}</span>}
        {type.experimental && <span className="badge">{t("search.experimental")}</span>}
      </button>
    </li>
  );
}

// ---- saved workflows -----------------------------------------------------------------------------------------

export function Workflows() {
  const [saved, setSaved] = useState<DocumentEntry[] | null>(null);
  const [query, setQuery] = useState("");
  // A save changes the list: it shows in what the open documents say of their files.
  const revisions = useStore(docs, (state) =>
    Object.values(state.byId)
      .map((open) => open.file?.revision)
      .join(),
  );
  const load = useCallback(() => void attempt(async () => setSaved(await api.documents.list())), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again after each save
  useEffect(load, [load, revisions]);
  const shown = (saved ?? []).filter((one) => one.name.toLowerCase().includes(query.toLowerCase()));
  shown.sort((one, other) => other.modified - one.modified);
  return (
    <Panel
      name="workflows"
      actions={
        <>
          <CommandButton id="file.new" icon="plus" className="icon-button" />
          <CommandButton id="file.open" icon="folder" className="icon-button" />
          <CommandButton id="file.recent" icon="again" className="icon-button" />
        </>
      }
    >
      <Filter value={query} onChange={setQuery} label={t("library.searchWorkflows")} />
      {saved?.length === 0 && <Empty>{t("library.noWorkflows")}</Empty>}
      <ul className="list">
        {shown.map((entry) => (
          <WorkflowRow key={entry.name} entry={entry} onChanged={load} />
        ))}
      </ul>
      <p className="panel-foot">
        <button type="button" className="link-button" onClick={() => void runCommand("panel.templates")}>
          {t("library.toTemplates")}
        </button>
      </p>
    </Panel>
  );
}

function WorkflowRow({ entry, onChanged }: { entry: DocumentEntry; onChanged(): void }) {
  const name = entry.name.replace(/\.json$/i, "");
  const rename = () =>
    openDialog({
      kind: "moveFile",
      name,
      run: (to: string) =>
        attempt(async () => {
          const { name: moved, revision } = await api.documents.move(entry.name, `${to}.json`, entry.revision);
          for (const open of Object.values(docs.getState().byId)) {
            if (open.file?.name !== entry.name) continue;
            setSaved(open.id, { file: { name: moved, revision }, savedEdit: open.savedEdit });
          }
          onChanged();
        }),
    });
  const remove = () =>
    openDialog({
      kind: "confirm",
      question: t("library.removeQuestion", { name }),
      action: t("library.remove"),
      run: async () => {
        await api.documents.remove(entry.name, entry.revision);
        onChanged();
      },
    });
  return (
    <li className="row-with-actions" data-workflow={entry.name}>
      <button type="button" className="list-item" onClick={() => void attempt(() => openSaved(entry.name))}>
        <Icon name="workflows" />
        <span className="grow clip">{name}</span>
        <span className="dim">{ago(entry.modified)}</span>
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("library.renameFile", { name })}
        title={t("library.renameFile", { name })}
        onClick={rename}
      >
        <Icon name="edit" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("library.removeFile", { name })}
        title={t("library.removeFile", { name })}
        onClick={remove}
      >
        <Icon name="clear" />
      </button>
    </li>
  );
}

// ---- models --------------------------------------------------------------------------------------------------

export function Models() {
  const [folders, setFolders] = useState<string[]>([]);
  const [query, setQuery] = useState("");
  useEffect(() => {
    void attempt(async () => setFolders(await api.modelFolders()));
  }, []);
  return (
    <Panel name="models">
      <Filter value={query} onChange={setQuery} label={t("library.searchModels")} />
      {folders.map((folder) => (
        <Folder key={folder} name={folder} query={query.toLowerCase()} />
      ))}
    </Panel>
  );
}

function Folder({ name, query }: { name: string; query: string }) {
  const [open, setOpen] = useState(false);
  const [files, setFiles] = useState<api.ModelFile[] | null>(null);
  const wanted = open || query !== "";
  useEffect(() => {
    if (wanted && files === null) api.modelFiles(name).then(setFiles, () => setFiles([]));
  }, [wanted, files, name]);
  const shown = (files ?? []).filter((file) => file.name.toLowerCase().includes(query));
  if (query !== "" && shown.length === 0) return null;
  return (
    <details className="branch" open={wanted} onToggle={(event) => query === "" && setOpen(event.currentTarget.open)}>
      <summary>
        <span className="grow">{name}</span>
        {files !== null && <span className="dim number">{files.length}</span>}
      </summary>
      {files?.length === 0 && <p className="hint branch-body">{t("library.noModels")}</p>}
      <ul className="list branch-body">
        {shown.slice(0, MOST_FOUND).map((file) => (
          <li key={`${file.pathIndex} ${file.name}`}>
            <button
              type="button"
              className="list-item"
              title={t("library.copyName", { name: file.name })}
              onClick={() => void navigator.clipboard?.writeText(file.name)}
            >
              <span className="grow clip">{file.name}</span>
              <span className="dim number">{size(file.size)}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
