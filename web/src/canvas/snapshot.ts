// A painted picture of a very large graph that stands in while the view moves far away: moving a picture costs the same
// for any number of nodes. It reaches a bit beyond the view and is painted anew when the view leaves it or rests.

import type { View } from "../store/shapes";
import { FAR } from "./cull";
import { type Look, paintScene } from "./far";
import type { Scene } from "./scene";

/** Graphs with fewer nodes are painted in time as they are. */
const FROM_NODES = 4000;
/** How far the picture reaches beyond the view, in screen pixels. */
const MARGIN = 320;
/** It is stretched by no more than this. */
const STRETCH = 1.6;

export class Snapshot {
  private canvas: HTMLCanvasElement | null = null;
  private view: View = { x: 0, y: 0, zoom: 1 };
  private version = -1;
  private size = "";

  /** Paint the moving view from the picture; false when it is better painted directly. */
  paint(ctx: CanvasRenderingContext2D, scene: Scene, look: Look): boolean {
    if (look.view.zoom >= FAR || scene.nodes.size < FROM_NODES || scene.carried !== null) {
      this.canvas = null;
      return false;
    }
    if (!this.serves(scene, look)) this.take(scene, look);
    if (this.canvas === null) return false;
    const { ratio, view } = look;
    const scale = view.zoom / this.view.zoom;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = look.palette.background;
    ctx.fillRect(0, 0, look.width * ratio, look.height * ratio);
    ctx.setTransform(
      scale,
      0,
      0,
      scale,
      (view.x - this.view.x * scale) * ratio,
      (view.y - this.view.y * scale) * ratio,
    );
    ctx.drawImage(this.canvas, 0, 0);
    return true;
  }

  private serves(scene: Scene, look: Look): boolean {
    const size = `${look.width} ${look.height} ${look.ratio} ${look.palette.background} ${look.links}`;
    if (this.canvas === null || this.version !== scene.version || this.size !== size) return false;
    const scale = look.view.zoom / this.view.zoom;
    if (scale > STRETCH || scale < 1 / STRETCH) return false;
    // Zooming out shows more than the picture has; the edge stays empty until the view rests.
    if (scale < 1) return Math.abs(look.view.x - this.view.x * scale) < 4 * MARGIN;
    const left = look.view.x - this.view.x * scale;
    const top = look.view.y - this.view.y * scale;
    const [width, height] = [(look.width + 2 * MARGIN) * scale, (look.height + 2 * MARGIN) * scale];
    return left <= 0 && top <= 0 && left + width >= look.width && top + height >= look.height;
  }

  private take(scene: Scene, look: Look): void {
    const width = look.width + 2 * MARGIN;
    const height = look.height + 2 * MARGIN;
    this.canvas ??= document.createElement("canvas");
    this.canvas.width = Math.round(width * look.ratio);
    this.canvas.height = Math.round(height * look.ratio);
    this.version = scene.version;
    this.size = `${look.width} ${look.height} ${look.ratio} ${look.palette.background} ${look.links}`;
    this.view = { ...look.view, x: look.view.x + MARGIN, y: look.view.y + MARGIN };
    const context = this.canvas.getContext("2d", { alpha: false });
    if (context !== null) paintScene(context, scene, { ...look, width, height, view: this.view });
  }
}
