// The dialogs about a file that was dropped, pasted or chosen: where its workflow goes and how much of it; or, of a
// picture without one, whether a node is to load it. Reads the workflow, and leaves opening to others.

import { useMemo, useState } from "react";
import { useStore } from "zustand";
import { busy } from "../busy";
import { addPicture, insertHere, type OpenedFile, openHere } from "../clipboard";
import { sayError } from "../commands";
import { t } from "../i18n";
import { branchesOf, keepBranch } from "../model/branch";
import { readUi } from "../model/comfy";
import type { JsonObject, NodeId, NodePath, Point } from "../model/types";
import { newId } from "../store/docs";
import type { Dialog } from "../store/shapes";
import { types } from "../store/types";
import { closeDialog, toast } from "../store/ui";
import { Cancel, DialogFrame } from "./Dialog";

type Props = { dialog: Dialog };

export function OpenFile({ dialog }: Props) {
  const opened = dialog.opened as OpenedFile;
  const at = dialog.at as Point | undefined;
  const known = useStore(types, (state) => state.types);
  const branches = useMemo(() => branchesOf(readUi(opened.document as JsonObject).doc, known), [opened, known]);
  const [branch, setBranch] = useState("");
  const take = async (put: (part: OpenedFile) => void) => {
    closeDialog("openFile");
    try {
      put(branch === "" ? opened : await busy(partOf(opened, branch)));
    } catch (error) {
      toast("error", t("messages.cannotOpen", { name: opened.name, why: sayError(error) }));
    }
  };
  return (
    <DialogFrame
      kind="openFile"
      title={t("dialog.openFile.title", { name: opened.name })}
      onSubmit={() => take((part) => void openHere(part))}
      actions={
        <>
          <Cancel />
          <button
            type="button"
            className="button"
            data-choice="insert"
            onClick={() => void take((part) => insertHere(part.document as JsonObject, at))}
          >
            {t("dialog.openFile.insert")}
          </button>
          <button type="submit" className="button primary" data-first>
            {t("dialog.openFile.tab")}
          </button>
        </>
      }
    >
      <p>{t("dialog.openFile.text")}</p>
      {branches.length > 0 && (
        <label className="field">
          <span className="label">{t("dialog.openFile.part")}</span>
          <select className="input" value={branch} onChange={(event) => setBranch(event.target.value)} data-branch>
            <option value="">{t("dialog.openFile.all")}</option>
            {branches.map(({ id, title, hint }) => (
              <option key={id} value={id}>
                {t("dialog.openFile.branch", { node: hint === "" ? `${title} (${id})` : `${title} (${id}): ${hint}` })}
              </option>
            ))}
          </select>
        </label>
      )}
    </DialogFrame>
  );
}

/** Return the file as if it held only what makes one thing: another workflow, so with an id of its own. */
async function partOf(opened: OpenedFile, id: NodeId): Promise<OpenedFile> {
  const { doc } = readUi(structuredClone(opened.document) as JsonObject);
  keepBranch(doc, id);
  const { writeUi } = await import("../model/comfy_write");
  const document = writeUi({ ...doc, id: newId() }, types.getState().types);
  const isKept = (path: NodePath) => doc.root.nodes[path.split(":")[0] ?? ""] !== undefined;
  const missing = opened.missing.map((one) => ({ ...one, nodes: one.nodes.filter(isKept) }));
  return {
    ...opened,
    document,
    report: opened.report.filter((note) => note.node === null || isKept(note.node)),
    missing: missing.filter((one) => one.nodes.length > 0),
  };
}

export function OpenPicture({ dialog }: Props) {
  const file = dialog.file as File;
  const submit = async () => {
    closeDialog("openPicture");
    try {
      await addPicture(file, dialog.at as Point | undefined);
    } catch (error) {
      toast("error", t("messages.cannotOpen", { name: file.name, why: sayError(error) }));
    }
  };
  return (
    <DialogFrame
      kind="openPicture"
      title={t("dialog.openPicture.title", { name: file.name })}
      onSubmit={submit}
      actions={
        <>
          <Cancel />
          <button type="submit" className="button primary" data-first>
            {t("dialog.openPicture.add")}
          </button>
        </>
      }
    >
      <p>{t("dialog.openPicture.text")}</p>
    </DialogFrame>
  );
}
