// Fingers that do something of ours, and scroll nothing. To the browser a drag that ends fast is a flick, also where
// `touch-action` forbids scrolling: for a third of a second it thinks that something scrolls on, and spends a tap on
// ending that, so that a button pressed right after is not pressed. Knows no gesture.

/** What scrolls, or is dragged by the browser itself, inside what is ours. */
const NATIVE = "input, textarea, video, .nowheel";

/** Keep fingers that move on this element from being flicks, unless `isOurs` says no. Returns how to stop. */
export function noFlicks(element: HTMLElement, isOurs: (touch: Touch) => boolean = () => true): () => void {
  const onMove = (event: TouchEvent) => {
    const [touch] = event.touches;
    const isNative = event.target instanceof Element && event.target.closest(NATIVE) !== null;
    if (!isNative && touch !== undefined && isOurs(touch) && event.cancelable) event.preventDefault();
  };
  element.addEventListener("touchmove", onMove, { passive: false });
  return () => element.removeEventListener("touchmove", onMove);
}
