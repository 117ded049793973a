// The measured page: `?candidate=loom|stock&n=2000&view=close|fit`. Opens the graph from its JSON text, says when it has
// been painted, and counts frames. Read by bench_editor.py through `window.bench`.

export interface Bench {
  ready: boolean;
  /** Milliseconds from the JSON text to the frame after the first with everything in it. */
  open: number;
  record(): void;
  frames(): number[];
}
declare global {
  interface Window {
    bench: Bench;
  }
}

let last = 0;
let deltas: number[] = [];
let recording = false;

function frame(now: number) {
  if (recording && last > 0) deltas.push(now - last);
  last = now;
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);

window.bench = {
  ready: false,
  open: 0,
  record() {
    deltas = [];
    last = 0;
    recording = true;
  },
  frames() {
    recording = false;
    return deltas;
  },
};

const query = new URLSearchParams(location.search);
const n = Number(query.get("n") ?? 500);
const fit = query.get("view") === "fit";
const root = document.getElementById("root") as HTMLElement;
const { open } = query.get("candidate") === "stock" ? await import("./stock") : await import("./loom");
window.bench.open = await open(root, n, fit);
window.bench.ready = true;
