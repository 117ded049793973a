// Curves and sample pictures of a run that trains: of the job shown by the open workflow, or of one that is chosen. New
// points come as the run goes on. Knows the runs' store; drawing is the widgets' work.

import { useCallback, useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { t } from "../i18n";
import { typeOf } from "../model/nodetypes";
import { layerOf } from "../model/types";
import { viewUrl } from "../server/api";
import { loadDetail } from "../server/run";
import { docs, openOf } from "../store/docs";
import { runs } from "../store/runs";
import type { JobRun } from "../store/shapes";
import { types } from "../store/types";
import { keyAt, openDialog } from "../store/ui";
import { Curves } from "../widgets/curves";
import { ago, duration } from "./format";
import { progressOf } from "./JobRow";
import type { Picture } from "./jobs";
import { Empty, Panel } from "./Panel";

const MOST_JOBS = 30;

export default function Training() {
  const shown = useStore(runs, (state) => state.shown[docs.getState().active ?? ""]);
  const started = useStore(
    runs,
    useShallow((state) =>
      Object.values(state.jobs)
        .filter((job) => job.started !== null)
        .sort((one, other) => other.sequence - one.sequence)
        .slice(0, MOST_JOBS)
        .map((job) => job.id),
    ),
  );
  const [chosen, setChosen] = useState<string | null>(null);
  const id = chosen ?? shown ?? started[0];
  const job = useStore(runs, (state) => (id === undefined ? undefined : state.jobs[id]));
  useEffect(() => {
    // Of a job that has gone meanwhile there is nothing to show; the list says so.
    if (id !== undefined) loadDetail(id).catch(() => undefined);
  }, [id]);
  return (
    <Panel name="training">
      {started.length > 0 && (
        <label className="field">
          <span className="label">{t("training.job")}</span>
          <select className="input" value={id} onChange={(event) => setChosen(event.target.value)}>
            {(id !== undefined && !started.includes(id) ? [id, ...started] : started).map((one) => (
              <option key={one} value={one}>
                {nameOf(runs.getState().jobs[one])}
              </option>
            ))}
          </select>
        </label>
      )}
      {job === undefined ? <Empty>{t("training.none")}</Empty> : <JobView job={job} />}
    </Panel>
  );
}

function JobView({ job }: { job: JobRun }) {
  const titleOf = useCallback((path: string) => nodeTitle(job.document, path), [job.document]);
  const pictures = useMemo(() => samplesOf(job), [job]);
  const hasCurves = Object.keys(job.curves).length > 0;
  const { done, total, note } = progressOf(job);
  return (
    <>
      {job.state === "running" && (
        <p className="hint" role="status">
          {[
            total > 0 && `${Math.round(done * 100)} %`,
            note,
            job.started !== null && duration(Date.now() / 1000 - job.started),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      )}
      {hasCurves ? <Curves curves={job.curves} titleOf={titleOf} /> : <Empty>{t("training.noCurves")}</Empty>}
      {pictures.length > 0 && (
        <ul className="gallery" aria-label={t("training.pictures")}>
          {pictures.map((picture) => (
            <li key={picture.key} className="tile">
              <button
                type="button"
                className="tile-open"
                aria-label={t("gallery.openPicture", { name: picture.item.filename ?? "" })}
                onClick={() => openDialog({ kind: "picture", picture, all: pictures })}
              >
                <img src={viewUrl(picture.item, { preview: "webp;80" })} alt="" loading="lazy" decoding="async" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** What a node of the run is called in its document, if that is open. */
function nodeTitle(document: string | null, path: string): string {
  const doc = document === null ? undefined : openOf(document)?.doc;
  const ids = path.split(":");
  const id = ids.pop() ?? path;
  const key = doc && keyAt(doc, ids);
  const node = doc && key !== undefined ? layerOf(doc, key)?.nodes[id] : undefined;
  if (doc === undefined || node === undefined) return path;
  return node.title ?? typeOf(doc, node, types.getState().types)?.title ?? path;
}

/** The pictures that the run has made so far, in order. */
function samplesOf(job: JobRun): Picture[] {
  const found: Picture[] = [];
  for (const [node, run] of Object.entries(job.nodes)) {
    for (const items of Object.values(run.outputs ?? {})) {
      for (const item of items) {
        if (!item.filename || !/\.(png|jpe?g|webp)$/i.test(item.filename)) continue;
        const key = `${job.id} ${node} ${item.filename}`;
        if (!found.some((one) => one.key === key)) {
          found.push({ key, job: job.id, node, title: job.title, ended: job.ended ?? 0, item });
        }
      }
    }
  }
  return found;
}

function nameOf(job: JobRun | undefined): string {
  if (job === undefined) return "";
  return `#${job.sequence} ${job.title || t("queue.untitled")} · ${ago(job.started ?? job.created)}`;
}
