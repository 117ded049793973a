// The server's jobs in whole lists, as a page wants them when it begins. Knows the calls, and nothing of what becomes of
// the jobs.

import { jobs } from "./api";
import type { Job } from "./protocol";

const PAGE = 1_000;
const HISTORY = 100;

/** The jobs that ended last. */
export async function history(): Promise<Job[]> {
  return (await jobs.list({ state: "done,failed,cancelled", limit: HISTORY })).jobs;
}

/** All jobs that wait, in the order in which they will run. */
export async function pending(): Promise<Job[]> {
  const found: Job[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const page = await jobs.list({ state: "pending", sort: "queue", limit: PAGE, offset });
    found.push(...page.jobs);
    if (!page.more) return found;
  }
}
