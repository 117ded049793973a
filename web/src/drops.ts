// Files that are dropped on the page: opened wherever they fall, with their place in the graph where that is the canvas.
// Listens at the window, the last to hear of it: a widget that takes a file itself has taken it before.

import { busy } from "./busy";
import { ui } from "./store/ui";

/** Listen to drops; return how to stop. */
export function bindDrops(page: Window): () => void {
  const onOver = (event: DragEvent) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  };
  const onDrop = (event: DragEvent) => {
    const file = event.dataTransfer?.files[0];
    if (file === undefined || event.defaultPrevented) return;
    event.preventDefault(); // or the browser would leave the page for the file
    const target = event.target instanceof Element ? event.target : null;
    // A picture that falls on a node which takes pictures is that node's.
    const field = target?.closest("[data-node]")?.querySelector<HTMLInputElement>('input[type="file"]');
    if (field && event.dataTransfer && (field.accept === "" || file.type.startsWith("image/"))) {
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    const isOnCanvas = target?.closest("[data-canvas]") != null;
    const at = isOnCanvas ? ui.getState().canvas?.screenToGraph([event.clientX, event.clientY]) : undefined;
    void busy(import("./clipboard").then(({ openFile }) => openFile(file, at)));
  };
  page.addEventListener("dragover", onOver);
  page.addEventListener("drop", onDrop);
  return () => {
    page.removeEventListener("dragover", onOver);
    page.removeEventListener("drop", onDrop);
  };
}
