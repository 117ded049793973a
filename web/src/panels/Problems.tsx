// What stands in the way of a run, each problem with its place and, where one is known, a fix of one press. Knows the
// last check only; checking is others' work.

import { useStore } from "zustand";
import { t } from "../i18n";
import type { Problem } from "../model/types";
import { fixOf } from "../model/validate";
import { edit, useDoc } from "../store/docs";
import { announce } from "../store/page";
import { runs } from "../store/runs";
import { types } from "../store/types";
import { reveal } from "../store/ui";
import { PanelIcon } from "./PanelIcon";

const MOST_SHOWN = 50;
const NONE: Problem[] = [];

export function Problems({ tab }: { tab: string }) {
  const problems = useStore(runs, (state) => state.problems[tab] ?? NONE);
  const known = useStore(types, (state) => state.types);
  const doc = useDoc(tab, (open) => open.doc);
  if (problems.length === 0 || doc === undefined) return null;
  return (
    <section className="problems" aria-label={t("inspector.problems", { n: problems.length })} data-problems>
      <h3>{t("inspector.problems", { n: problems.length })}</h3>
      <ul>
        {problems.slice(0, MOST_SHOWN).map((problem, index) => {
          const fix = fixOf(problem, doc, known);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list is replaced as a whole
            <li key={index} className="notice error problem" data-problem={problem.code}>
              <button
                type="button"
                className="link-button problem-text"
                disabled={problem.node_id === null}
                onClick={() => problem.node_id !== null && reveal(tab, problem.node_id, problem.input)}
              >
                <PanelIcon name="warning" />
                <span>{problem.message}</span>
              </button>
              {fix !== null && (
                <button
                  type="button"
                  className="button"
                  data-fix={problem.code}
                  onClick={() => {
                    edit(tab, fix.label, (draft) => fix.apply(draft));
                    announce(fix.label);
                  }}
                >
                  {fix.label}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
