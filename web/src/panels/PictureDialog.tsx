// A picture in full size with what made it, two pictures side by side, and what differs between two jobs. Knows the calls
// of jobs.ts and the widget that compares pictures.

import { type KeyboardEvent, useEffect, useMemo, useState } from "react";
import { t } from "../i18n";
import { Icon } from "../icons";
import * as api from "../server/api";
import { viewUrl } from "../server/api";
import type { Diff as Difference, JobDetail } from "../server/protocol";
import type { Dialog, OutputItem } from "../store/shapes";
import { closeDialog } from "../store/ui";
import { Compare } from "../widgets/compare";
import { DialogFrame } from "./Dialog";
import { duration, when } from "./format";
import { useJob } from "./history";
import { openJob, type Picture } from "./jobs";

const LONG = 400;

export function PictureView({ dialog }: { dialog: Dialog }) {
  const all = useMemo(() => given(dialog), [dialog]);
  const [at, setAt] = useState(() => placeIn(all, dialog));
  const picture = all[at];
  const go = (by: number) => setAt(Math.max(0, Math.min(all.length - 1, at + by)));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    else return;
    event.preventDefault();
  };
  if (picture === undefined) return null;
  const url = viewUrl(picture.item);
  return (
    <DialogFrame
      kind="picture"
      title={picture.item.filename ?? ""}
      wide
      actions={
        <>
          <a className="button" href={url} download={picture.item.filename}>
            <Icon name="download" />
            {t("gallery.download")}
          </a>
          {picture.job !== "" && (
            <button
              type="button"
              className="button primary"
              data-action="restore"
              onClick={() => {
                closeDialog("picture");
                void openJob(picture.job);
              }}
            >
              {t("gallery.restore")}
            </button>
          )}
        </>
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys beside the buttons that do the same */}
      <div className="picture-view" onKeyDown={onKeyDown}>
        <div className="picture-stage">
          <img src={url} alt={t("gallery.picture", { name: picture.item.filename ?? "" })} />
          <div className="picture-nav">
            <button
              type="button"
              className="icon-button"
              disabled={at <= 0}
              aria-label={t("gallery.previous")}
              onClick={() => go(-1)}
            >
              <Icon name="left" />
            </button>
            <span className="dim number">
              {at + 1} / {all.length}
            </span>
            <button
              type="button"
              className="icon-button"
              disabled={at < 0 || at >= all.length - 1}
              aria-label={t("gallery.next")}
              onClick={() => go(1)}
            >
              <Icon name="right" />
            </button>
          </div>
        </div>
        {picture.job !== "" && <About picture={picture} />}
      </div>
    </DialogFrame>
  );
}

/** The pictures to walk through: those of a panel, or a node's results. */
function given(dialog: Dialog): Picture[] {
  if (Array.isArray(dialog.all)) return dialog.all as Picture[];
  const items = (dialog.items ?? []) as OutputItem[];
  const known = { job: String(dialog.job ?? ""), node: "", title: "", ended: 0 };
  return items.map((item, at) => ({ ...known, key: `${at} ${item.filename}`, item }));
}

function placeIn(all: Picture[], dialog: Dialog): number {
  if (typeof dialog.at === "number") return dialog.at;
  const { key } = dialog.picture as Picture;
  return Math.max(
    0,
    all.findIndex((one) => one.key === key),
  );
}

/** The job of a picture, and the values that its nodes had. */
function About({ picture }: { picture: Picture }) {
  const job = useJob(picture.job);
  if (job === null) return <p className="empty">{t("shell.loading")}</p>;
  return (
    <div className="picture-about scroller">
      <dl className="facts">
        <dt>{t("gallery.job")}</dt>
        <dd>
          {job.title || t("queue.untitled")} #{job.sequence}
        </dd>
        {job.ended !== null && (
          <>
            <dt>{t("gallery.made")}</dt>
            <dd>{when(job.ended)}</dd>
          </>
        )}
        {job.ended !== null && job.started !== null && (
          <>
            <dt>{t("gallery.took")}</dt>
            <dd>{duration(job.ended - job.started)}</dd>
          </>
        )}
      </dl>
      {valuesOf(job).map(({ id, title, values }) => (
        <section key={id}>
          <h3 className="clip">
            {title} <span className="dim">#{id}</span>
          </h3>
          <dl className="facts">
            {values.map(([name, value]) => (
              <div key={name} className="fact">
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

function valuesOf(job: JobDetail): { id: string; title: string; values: [string, string][] }[] {
  const found: { id: string; title: string; values: [string, string][] }[] = [];
  for (const [id, entry] of Object.entries(job.graph)) {
    const node = entry as { class_type?: string; inputs?: Record<string, unknown>; _meta?: { title?: string } };
    const values = Object.entries(node.inputs ?? {})
      .filter(([, value]) => !Array.isArray(value))
      .map(([name, value]): [string, string] => [name, text(value)]);
    if (values.length > 0) found.push({ id, title: node._meta?.title ?? node.class_type ?? id, values });
  }
  return found;
}

export function CompareView({ dialog }: { dialog: Dialog }) {
  const [left, right] = dialog.pictures as [Picture, Picture];
  return (
    <DialogFrame kind="compare" title={t("gallery.compareTitle")} wide>
      <div className="compare-stage">
        <Compare left={side(left)} right={side(right)} />
      </div>
      <Differences older={right.job} newer={left.job} />
    </DialogFrame>
  );
}

export function DiffView({ dialog }: { dialog: Dialog }) {
  return (
    <DialogFrame kind="diff" title={t("queue.diffTitle")} wide>
      <Differences older={String(dialog.older)} newer={String(dialog.newer)} />
    </DialogFrame>
  );
}

function Differences({ older, newer }: { older: string; newer: string }) {
  const [diff, setDiff] = useState<Difference | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    api.jobs.diff(older, newer, stop.signal).then(setDiff, (error: unknown) => {
      if (!stop.signal.aborted) setFailure(String(error));
    });
    return () => stop.abort();
  }, [older, newer]);
  if (failure !== "") return <p className="notice error">{failure}</p>;
  if (diff === null) return <p className="empty">{t("shell.loading")}</p>;
  if (diff.same) return <p className="notice">{t("queue.same")}</p>;
  return (
    <table className="diff">
      <thead>
        <tr>
          <th scope="col">{t("queue.diffNode")}</th>
          <th scope="col">{t("queue.diffInput")}</th>
          <th scope="col">{t("queue.diffWas")}</th>
          <th scope="col">{t("queue.diffNow")}</th>
        </tr>
      </thead>
      <tbody>
        {diff.added.map((node) => (
          <tr key={`+${node.node}`} className="added">
            <th scope="row">{named(node)}</th>
            <td colSpan={3}>{t("queue.diffAdded")}</td>
          </tr>
        ))}
        {diff.removed.map((node) => (
          <tr key={`-${node.node}`} className="removed">
            <th scope="row">{named(node)}</th>
            <td colSpan={3}>{t("queue.diffRemoved")}</td>
          </tr>
        ))}
        {diff.changed.flatMap((node) =>
          node.inputs.map((input) => (
            <tr key={`${node.node} ${input.input}`}>
              <th scope="row">{named(node)}</th>
              <td>{input.input}</td>
              <td className="was">{text(input.was)}</td>
              <td className="now">{text(input.now)}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  );
}

function side(picture: Picture): { url: string; label: string } {
  return { url: viewUrl(picture.item), label: picture.item.filename ?? "" };
}

function named(node: { node: string; title: string; type: string }): string {
  return `${node.title || node.type} #${node.node}`;
}

function text(value: unknown): string {
  if (value === undefined) return "–";
  if (Array.isArray(value) && value.length === 2) return `↤ #${value[0]}`;
  const full = typeof value === "string" ? value : JSON.stringify(value);
  return full.length > LONG ? `${full.slice(0, LONG)} …` : full;
}
