// Two windows onto the server: its log, and its check of the workflow beside the editor's own. Knows the server's calls.

import { useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import type { Problem } from "../model/types";
import * as api from "../server/api";
import { openOf } from "../store/docs";
import { asFile } from "../store/save";
import type { Dialog } from "../store/shapes";
import { closeDialog, reveal } from "../store/ui";
import { DialogFrame } from "./Dialog";

const EVERY_MS = 1_500;

export function Log(_: { dialog: Dialog }) {
  const [text, setText] = useState("");
  const end = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    const read = () =>
      fetch("/internal/logs", { signal: stop.signal })
        .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(answer.statusText))))
        .then(
          (found: string) => setText(found),
          () => undefined, // the server is away: what was read stays, and the next try may succeed
        );
    void read();
    const timer = window.setInterval(read, EVERY_MS);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new text moves the view to its end
  useEffect(() => {
    const element = end.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [text]);
  return (
    <DialogFrame kind="log" title={t("dialog.log.title")} wide>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard */}
      <pre ref={end} className="log" tabIndex={0} role="log" aria-label={t("dialog.log.title")}>
        {text || t("dialog.log.none")}
      </pre>
    </DialogFrame>
  );
}

export function Check({ dialog }: { dialog: Dialog }) {
  const tab = String(dialog.tab);
  const [problems, setProblems] = useState<Problem[] | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    const open = openOf(tab);
    if (open === undefined) return;
    asFile(open)
      .then((file) => api.check(file, undefined, stop.signal))
      .then(
        (answer) => setProblems(answer.problems),
        (error: unknown) => !stop.signal.aborted && setFailure(String(error)),
      );
    return () => stop.abort();
  }, [tab]);
  return (
    <DialogFrame kind="check" title={t("dialog.check.title")}>
      {problems === null && failure === "" && <p className="empty">{t("shell.loading")}</p>}
      {failure !== "" && <p className="notice error">{failure}</p>}
      {problems?.length === 0 && <p className="notice ok">{t("dialog.check.none")}</p>}
      <ul className="list">
        {problems?.map((problem, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the answer does not change
          <li key={index}>
            <button
              type="button"
              className="notice error problem-row"
              onClick={() => {
                closeDialog("check");
                if (problem.node_id !== null) reveal(tab, problem.node_id, problem.input);
              }}
            >
              {problem.message}
            </button>
          </li>
        ))}
      </ul>
    </DialogFrame>
  );
}
