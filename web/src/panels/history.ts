// The jobs that have ended, older ones fetched when the end of a list comes into view; their results are asked for
// when they are shown, and the last few hundred are kept. Draws nothing.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import * as api from "../server/api";
import type { Job, JobDetail } from "../server/protocol";
import { endedJobs, runs } from "../store/runs";
import type { JobRun } from "../store/shapes";

/** What the panels need of an ended job; the server's lists and the runs' store both have it. */
export type Ended = Pick<JobRun, "id" | "title" | "state" | "sequence" | "created" | "started" | "ended" | "error">;

/** What lists keep of a job: neither its graph nor the document it came from, as those may be long. */
type Results = Pick<JobDetail, "id" | "title" | "ended" | "outputs">;

const PAGE = 100;
const KEPT_RESULTS = 200;

/** Removed here; a page fetched before may still list them. */
const removed = new Set<string>();

export function noteRemoved(ids: Iterable<string>): void {
  for (const id of ids) removed.add(id);
}

const results = new Map<string, Promise<Results>>();

/** The history, newest first; `more` asks for older ones, `hide` leaves jobs out, `all` tells that there are no more. */
export function useHistory(): { jobs: Ended[]; more(): void; all: boolean; hide(test: (job: Ended) => boolean): void } {
  const [all, setAll] = useState(false);
  const [hidden, setHidden] = useState<{ test(job: Ended): boolean }>({ test: () => false });
  const busy = useRef(false);
  const [pages, setPages] = useState<Ended[]>([]);
  const cursor = useRef<string | null | undefined>(undefined);
  const store = useStore(runs, (state) => state.jobs);
  const more = useCallback(() => {
    if (busy.current || cursor.current === null) return;
    busy.current = true;
    const query = { state: "done,failed,cancelled", limit: PAGE, ...(cursor.current && { cursor: cursor.current }) };
    api.jobs
      .list(query)
      .then((answer) => {
        cursor.current = answer.next;
        setAll(answer.next === null);
        setPages((before) => [...before, ...answer.jobs.map(asEnded)]);
      })
      // The server is away: the list stays as it is, and the next look at its end tries again.
      .catch(() => undefined)
      .finally(() => {
        busy.current = false;
      });
  }, []);
  useEffect(more, [more]);
  const jobs = useMemo(() => {
    const found = new Map<string, Ended>(pages.map((job) => [job.id, job]));
    for (const job of endedJobs({ ...runs.getState(), jobs: store })) found.set(job.id, job);
    const kept = [...found.values()].filter((job) => !hidden.test(job) && !removed.has(job.id));
    return kept.sort((one, other) => (other.ended ?? 0) - (one.ended ?? 0) || other.sequence - one.sequence);
  }, [pages, store, hidden]);
  const hide = useCallback((test: (job: Ended) => boolean) => setHidden({ test }), []);
  return { jobs, more, all, hide };
}

/** The results of a job; asked for once, also when many look. */
export function resultsOf(id: string): Promise<Results> {
  const known = results.get(id);
  if (known !== undefined) return known;
  const asked = api.jobs.get(id).then(({ title, ended, outputs }) => ({ id, title, ended, outputs }));
  results.set(id, asked);
  asked.catch(() => results.delete(id));
  for (const old of results.keys()) {
    if (results.size <= KEPT_RESULTS) break;
    results.delete(old);
  }
  return asked;
}

/** The results of a job, or null while they come. */
export function useResults(id: string): Results | null {
  return useAsked(resultsOf, id);
}

/** A whole job, or null while it comes; kept as long as it is shown. */
export function useJob(id: string): JobDetail | null {
  return useAsked(api.jobs.get, id);
}

function useAsked<T>(ask: (id: string) => Promise<T>, id: string): T | null {
  const [answer, setAnswer] = useState<T | null>(null);
  useEffect(() => {
    let isHere = true;
    ask(id).then(
      (found) => isHere && setAnswer(found),
      () => undefined, // it was removed meanwhile: there is nothing to show
    );
    return () => {
      isHere = false;
    };
  }, [ask, id]);
  return answer;
}

function asEnded(job: Job): Ended {
  return { ...job, error: job.error as unknown as Ended["error"] };
}
