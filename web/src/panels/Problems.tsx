// What stands in the way of a run, each problem with its place and, where one is known, a fix of one press. Knows the
// last check only; checking is others' work.

import { useStore } from "zustand";
import { t } from "../i18n";
import { Icon } from "../icons";
import type { Problem } from "../model/types";
import { fixOf } from "../model/validate";
import { edit, useDoc } from "../store/docs";
import { announce } from "../store/page";
import { runs } from "../store/runs";
import { types } from "../store/types";
import { reveal } from "../store/ui";

const MOST_SHOWN = 50;
const NONE: Problem[] = [];

export function Problems({ tab }: { tab: string }) {
  const problems = useStore(runs, (state) => state.problems[tab] ?? NONE);
  if (problems.length === 0) return null;
  return (
    <section className="problems" aria-label={t("inspector.problems", { n: problems.length })} data-problems>
      <h3>{t("inspector.problems", { n: problems.length })}</h3>
      <ul>
        {problems.slice(0, MOST_SHOWN).map((problem, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list is replaced as a whole
          <li key={index} className="notice error problem" data-problem={problem.code}>
            <button
              type="button"
              className="link-button problem-text"
              disabled={problem.node_id === null}
              onClick={() => problem.node_id !== null && reveal(tab, problem.node_id, problem.input)}
            >
              <Icon name="warning" />
              <span>{problem.message}</span>
            </button>
            <FixButton tab={tab} problem={problem} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Mends a problem by one press, where that is known to be right. */
export function FixButton({ tab, problem }: { tab: string; problem: Problem }) {
  const known = useStore(types, (state) => state.types);
  const doc = useDoc(tab, (open) => open.doc);
  const readOnly = useDoc(tab, (open) => open.readOnly);
  const fix = doc === undefined || readOnly ? null : fixOf(problem, doc, known);
  if (fix === null) return null;
  return (
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
  );
}
