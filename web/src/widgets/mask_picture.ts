// Masks and pictures: a picture's transparency as a mask, a mask as a PNG, and a mask painted over what one sees.
// A masked pixel is a transparent one, as the server's picture loader reads it. Knows no component.

import { viewUrl } from "../server/api";
import { type Area, emptyMask, type Mask } from "./strokes";

export interface Loaded {
  /** The colors alone: what is masked must be seen too. */
  url: string;
  mask: Mask;
}

/** Fetch a picture of the server with the mask that it has. Throws when it cannot be read. */
export async function loadMasked(place: { filename: string; subfolder: string; type: string }): Promise<Loaded> {
  const answer = await fetch(viewUrl(place), { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  // As it is stored: the server joins the mask to the pixels before any turning that a camera noted.
  const image = await createImageBitmap(await answer.blob(), { imageOrientation: "none" as ImageOrientation });
  const { width, height } = image;
  const context = contextOf(width, height);
  context.drawImage(image, 0, 0);
  image.close();
  const { data } = context.getImageData(0, 0, width, height);
  const mask = emptyMask(width, height);
  for (let at = 0; at < mask.data.length; at += 1) mask.data[at] = 255 - (data[at * 4 + 3] ?? 255);
  return { url: viewUrl(place, { channel: "rgb" }), mask };
}

/** Return a PNG that is transparent where the mask is. */
export function maskFile(mask: Mask, name: string): Promise<File> {
  const context = contextOf(mask.width, mask.height);
  const pixels = context.createImageData(mask.width, mask.height);
  for (let at = 0; at < mask.data.length; at += 1) pixels.data[at * 4 + 3] = 255 - (mask.data[at] ?? 0);
  context.putImageData(pixels, 0, 0);
  return new Promise((done, failed) => {
    context.canvas.toBlob((blob) => {
      if (blob) done(new File([blob], name, { type: "image/png" }));
      else failed(new Error("no PNG"));
    }, "image/png");
  });
}

/** Show an area of the mask on a canvas of the picture's size, in one color. */
export function paintMask(
  canvas: HTMLCanvasElement,
  mask: Mask,
  area: Area,
  color: readonly [number, number, number],
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const pixels = context.createImageData(area.width, area.height);
  let to = 0;
  for (let row = area.y; row < area.y + area.height; row += 1) {
    let from = row * mask.width + area.x;
    for (let column = 0; column < area.width; column += 1, from += 1, to += 4) {
      pixels.data[to] = color[0];
      pixels.data[to + 1] = color[1];
      pixels.data[to + 2] = color[2];
      pixels.data[to + 3] = mask.data[from] ?? 0;
    }
  }
  context.putImageData(pixels, area.x, area.y);
}

/** The name for a picture's mask: beside the picture's own, without the endings of earlier masks. */
export function maskName(filename: string): string {
  const stem = filename.replace(/\.[^.]*$/, "").replace(/-mask( \(\d+\))?$/, "");
  return `${stem || "picture"}-mask.png`;
}

function contextOf(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  return context;
}
