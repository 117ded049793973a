// The mark of a socket's type, in its color and shape as on the canvas. Knows types by name only.

import { cssColor, shapeOf } from "../canvas/colors";

export function TypeDot({ type }: { type: string }) {
  return <span className={`type-dot shape-${shapeOf(type)}`} style={{ color: cssColor(type) }} aria-hidden="true" />;
}
