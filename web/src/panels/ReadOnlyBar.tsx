// The line over a workflow that another browser tab edits: says so, and offers to edit it here or to go on with a copy.
// Knows the documents' store.

import { useStore } from "zustand";
import { t } from "../i18n";
import { docs } from "../store/docs";
import { CommandButton } from "./CommandButton";

export function ReadOnlyBar() {
  const title = useStore(docs, (state) => {
    const open = state.active === null ? undefined : state.byId[state.active];
    return open?.readOnly ? open.title : null;
  });
  if (title === null) return null;
  return (
    <div className="notice warning read-only" role="status" data-read-only>
      <span>{t("store.readOnly", { title })}</span>
      <CommandButton id="file.takeOver" text={t("store.takeOver")} className="button primary" />
      <CommandButton id="file.copy" text={t("command.file.copy")} />
    </div>
  );
}
