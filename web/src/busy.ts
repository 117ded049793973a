// Says on the page that something the user asked for is still under way: a command that waits for its part of the program
// or for the server, or a panel that is being fetched. Read by assistive technology, and by whatever drives the page.
// What waits for the user, as a question does, is not counted. Knows no command.

let underWay = 0;

/** Count this as under way until it has ended, well or badly. Returns it. */
export function busy<T>(work: Promise<T>): Promise<T> {
  mark(1);
  return work.finally(() => mark(-1));
}

function mark(by: 1 | -1): void {
  underWay += by;
  // At once, and not with the next drawing: between a press and the drawing the page would look idle.
  globalThis.document?.querySelector("main")?.setAttribute("aria-busy", String(underWay > 0));
}
