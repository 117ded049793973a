// The small pictures on buttons: 16 by 16, one line, in the color of the text around them. Decoration only: the button
// that holds one carries the label. Knows no component.

const PATHS = {
  die: "M4.5 2.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM5.5 5.3v.4M10.5 10.3v.4M8 7.8v.4M10.5 5.3v.4M5.5 10.3v.4",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  shuffle: "M2 4.5h2.5l6 7H14M2 11.5h2.5l1.6-1.9M9 6.2l1.5-1.7H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  down: "M4 6l4 4 4-4",
  left: "M10 4L6 8l4 4",
  right: "M6 4l4 4-4 4",
  upload: "M8 11V3M4.5 6L8 2.5 11.5 6M3 11v2.5h10V11",
  brush: "M13.5 2.5L7 9M6.5 8.5c1 .2 1.5.9 1.6 1.8.1 1.8-1.6 3.2-5.6 3.2 1.2-.7 1.3-1.5 1.5-2.6.2-1.3 1.2-2.5 2.5-2.4z",
  erase: "M6 13.5h7.5M3.2 9.8l6-6.5 3.7 3.4-6 6.5H5.5L3.2 11.2z",
  undo: "M6 3L3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  redo: "M10 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10",
  invert: "M8 2.5a5.5 5.5 0 0 1 0 11zM8 2.5a5.5 5.5 0 0 0 0 11",
  fill: "M3 13.5h10M4 8l4.5-4.5L12 7l-4.5 4.5zM13 10v1.5",
  clear: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 9h6l.5-9",
  box: "M3 3h10v10H3z",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3L13.5 13.5",
  check: "M3 8.5L6.5 12 13 4.5",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  hand: "M5 8V4.5a1 1 0 0 1 2 0V7 3.5a1 1 0 0 1 2 0V7 4.5a1 1 0 0 1 2 0V8 6.5a1 1 0 0 1 2 0V10c0 2-1.5 3.5-3.5 3.5H8.5C7 13.5 6 12.7 5 11L3.5 8.5c0-1 1-1.2 1.5-.5z",
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 3.5v9",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
