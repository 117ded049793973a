// All pictures that runs made, the newest first. Their jobs are asked for as they come into view. A picture opens large,
// with what made it; two can be compared. Knows the history and the calls of jobs.ts.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { t } from "../i18n";
import { Icon } from "../icons";
import { viewUrl } from "../server/api";
import { openDialog } from "../store/ui";
import { ago } from "./format";
import { type Ended, resultsOf, useHistory } from "./history";
import { type Picture, picturesOf } from "./jobs";
import { Empty, Panel } from "./Panel";

/** So many jobs are looked into at once while there is space to fill. */
const STEP = 12;

export default function Gallery() {
  const { jobs, more, all } = useHistory();
  const done = useMemo(() => jobs.filter((job) => job.state === "done"), [jobs]);
  const [looked, setLooked] = useState(STEP);
  const byJob = usePictures(done.slice(0, looked));
  const pictures = useMemo(() => done.flatMap((job) => byJob.get(job.id) ?? []), [done, byJob]);
  const [marked, setMarked] = useState<string[]>([]);
  const further = useCallback(() => {
    if (looked < done.length) setLooked(looked + STEP);
    else if (!all) more();
  }, [looked, done.length, all, more]);
  const compared = pictures.filter((picture) => marked.includes(picture.key));
  const mark = (key: string) =>
    setMarked((before) => (before.includes(key) ? before.filter((one) => one !== key) : [...before, key].slice(-2)));
  return (
    <Panel
      name="gallery"
      actions={
        <button
          type="button"
          className="button"
          disabled={compared.length !== 2}
          data-action="compare"
          onClick={() => openDialog({ kind: "compare", pictures: compared })}
        >
          <Icon name="compare" />
          {t("gallery.compare")}
        </button>
      }
    >
      {pictures.length === 0 && done.length <= looked && <Empty>{t("gallery.empty")}</Empty>}
      <ul className="gallery" aria-label={t("panel.gallery")}>
        {pictures.map((picture) => (
          <Tile
            key={picture.key}
            picture={picture}
            all={pictures}
            isMarked={marked.includes(picture.key)}
            onMark={() => mark(picture.key)}
          />
        ))}
      </ul>
      <End key={`${looked} ${done.length} ${pictures.length}`} onSeen={further} />
    </Panel>
  );
}

function Tile({
  picture,
  all,
  isMarked,
  onMark,
}: {
  picture: Picture;
  all: Picture[];
  isMarked: boolean;
  onMark(): void;
}) {
  const name = picture.item.filename ?? "";
  return (
    <li className="tile" data-picture={name}>
      <button
        type="button"
        className="tile-open"
        aria-label={t("gallery.openPicture", { name })}
        title={`${picture.title || name} · ${ago(picture.ended)}`}
        draggable
        onDragStart={(event) =>
          event.dataTransfer.setData("text/uri-list", new URL(viewUrl(picture.item), location.href).href)
        }
        onClick={() => openDialog({ kind: "picture", picture, all })}
      >
        <img src={viewUrl(picture.item, { preview: "webp;80" })} alt="" loading="lazy" decoding="async" />
      </button>
      <input
        type="checkbox"
        className="tile-mark"
        checked={isMarked}
        aria-label={t("gallery.mark", { name })}
        onChange={onMark}
      />
    </li>
  );
}

/** The end of the list: more is fetched when it comes near. */
function End({ onSeen }: { onSeen(): void }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && onSeen(), {
      rootMargin: "600px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [onSeen]);
  return <div ref={root} className="end" />;
}

/** The pictures of these jobs, as far as they have come. */
function usePictures(jobs: Ended[]): ReadonlyMap<string, Picture[]> {
  const [found, setFound] = useState<ReadonlyMap<string, Picture[]>>(new Map());
  useEffect(() => {
    let isHere = true;
    const missing = jobs.filter((job) => !found.has(job.id));
    if (missing.length === 0) return;
    const look = (job: Ended) =>
      resultsOf(job.id).then(
        (results): [string, Picture[]] => [job.id, picturesOf(results)],
        (): [string, Picture[]] => [job.id, []], // removed meanwhile
      );
    void Promise.all(missing.map(look)).then((pairs) => isHere && setFound((before) => new Map([...before, ...pairs])));
    return () => {
      isHere = false;
    };
  }, [jobs, found]);
  return found;
}
