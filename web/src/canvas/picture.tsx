// The picture area of a node: what a run is making of it right now, what it has made, or the file it loads; also texts,
// sound and film. Which nodes have one is asked before they are laid out. Knows the runs store and a node's place.

import { lazy, Suspense, useEffect, useRef } from "react";
import { useStore } from "zustand";
import { Boundary } from "../Boundary";
import { t } from "../i18n";
import type { NodeType } from "../model/spec";
import type { DocNode, NodeId, NodePath } from "../model/types";
import { viewUrl } from "../server/api";
import { type Outputs, outputsOf, previewOf, runs, shownJob } from "../store/runs";
import type { OutputItem, Preview } from "../store/shapes";
import { openDialog } from "../store/ui";
import { FilePicture } from "../widgets/media";
import { loadedFile } from "./placed";

const Compare = lazy(() => import("../widgets/compare").then((module) => ({ default: module.Compare })));
const SMALL = "webp;85";
const MOST = 9;
const COMPARED = ["a_images", "b_images"] as const;

/** Nodes of the layer at this path that have something to show of a run. */
export function pictured(tab: string, path: readonly NodeId[]): Set<NodeId> {
  const state = runs.getState();
  const found = new Set<NodeId>();
  const prefix = path.length === 0 ? "" : `${path.join(":")}:`;
  const add = (place: NodePath) => {
    const id = place.startsWith(prefix) ? place.slice(prefix.length) : "";
    if (id !== "" && !id.includes(":")) found.add(id);
  };
  for (const [key, result] of Object.entries(state.results)) {
    if (key.startsWith(`${tab} `) && shows(result.outputs)) add(key.slice(tab.length + 1));
  }
  const job = shownJob(state, tab);
  if (job === undefined) return found;
  for (const [place, run] of Object.entries(job.nodes)) if (shows(run.outputs)) add(place);
  for (const key of Object.keys(state.previews)) if (key.startsWith(`${job.id} `)) add(key.slice(job.id.length + 1));
  return found;
}

function shows(outputs: Outputs | undefined): boolean {
  if (outputs === undefined) return false;
  return Object.values(outputs).some((items) =>
    items.some((item) => item.filename !== undefined || textOf(item) !== undefined),
  );
}

/** A result that is a text: nodes of our own call it that, those of others are sent as values. */
function textOf({ text, value }: OutputItem): string | undefined {
  if (typeof text === "string") return text;
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

export function Picture({
  tab,
  path,
  node,
  type,
}: {
  tab: string;
  path: NodePath;
  node: DocNode;
  type: NodeType | undefined;
}) {
  const isLive = useStore(runs, (state) => previewOf(state, tab, path) !== undefined);
  const outputs = useStore(runs, (state) => outputsOf(state, tab, path));
  if (isLive) return <Live tab={tab} path={path} />;
  if (outputs !== undefined && shows(outputs)) return <Results outputs={outputs} />;
  const file = loadedFile(node, type);
  return file === null ? null : <FilePicture value={file.value} folder={file.folder} />;
}

/** The latest picture on its way, painted at most once in a frame. */
function Live({ tab, path }: { tab: string; path: NodePath }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let frame = 0;
    let drawn: Preview | undefined;
    const draw = () => {
      frame = 0;
      const preview = previewOf(runs.getState(), tab, path);
      const element = canvas.current;
      if (preview === undefined || preview === drawn || element === null) return;
      drawn = preview;
      const { width, height } = preview.bitmap;
      if (element.width !== width || element.height !== height) Object.assign(element, { width, height });
      element.getContext("2d")?.drawImage(preview.bitmap, 0, 0);
      // When it was handed over and when it was painted: for whoever measures.
      element.dataset.at = String(preview.at);
      element.dataset.painted = String(Date.now());
    };
    const stop = runs.subscribe((state) => {
      if (frame === 0 && previewOf(state, tab, path) !== drawn) frame = requestAnimationFrame(draw);
    });
    draw();
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [tab, path]);
  return <canvas ref={canvas} className="node-live" data-preview role="img" aria-label={t("canvas.preview")} />;
}

function Results({ outputs }: { outputs: Outputs }) {
  const [left, right] = COMPARED.map((kind) => outputs[kind]?.[0]);
  if (left !== undefined && right !== undefined) {
    return (
      <Boundary>
        <Suspense fallback={null}>
          <Compare left={{ url: viewUrl(left), label: "" }} right={{ url: viewUrl(right), label: "" }} />
        </Suspense>
      </Boundary>
    );
  }
  const files = Object.values(outputs).flatMap((items) => items.filter((item) => item.filename !== undefined));
  const texts = Object.values(outputs).flatMap((items) => items.flatMap((item) => textOf(item) ?? []));
  if (files.length === 0) return <pre className="node-text nodrag nowheel">{texts.join("\n")}</pre>;
  const columns = Math.ceil(Math.sqrt(Math.min(files.length, MOST)));
  return (
    <div className="node-results" style={{ "--columns": columns } as React.CSSProperties} data-results={files.length}>
      {files.slice(0, MOST).map((item, place) => (
        <Result
          key={`${item.subfolder}/${item.filename}`}
          item={item}
          open={() => openDialog({ kind: "picture", items: files, at: place })}
        />
      ))}
      {files.length > MOST && <span className="node-more">+{files.length - MOST}</span>}
    </div>
  );
}

function Result({ item, open }: { item: OutputItem; open(): void }) {
  const name = item.filename ?? "";
  if (/\.(mp4|webm|mov|mkv)$/i.test(name)) {
    return <video className="nodrag" src={viewUrl(item)} controls loop muted aria-label={name} />;
  }
  if (/\.(flac|mp3|wav|ogg|opus|m4a)$/i.test(name)) {
    // biome-ignore lint/a11y/useMediaCaption: made by the user; there are no words for it
    return <audio className="nodrag" src={viewUrl(item)} controls aria-label={name} />;
  }
  if (!/\.(png|jpe?g|webp|gif|avif|bmp|tiff?)$/i.test(name)) {
    return (
      <a className="nodrag" href={viewUrl(item)} download={name}>
        {name}
      </a>
    );
  }
  return (
    <button type="button" className="node-result" aria-label={t("canvas.openPicture", { name })} onClick={open}>
      <img src={viewUrl(item, { preview: SMALL })} alt="" loading="lazy" decoding="async" draggable={false} />
    </button>
  );
}
