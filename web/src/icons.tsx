// The small pictures on buttons: 16 by 16, one line, in the color of the text around them. Decoration only: the button
// that holds one carries the label. Knows no component.

const PATHS = {
  queue: "M2.5 3.5h11M2.5 7h7M2.5 10.5h7M11 8.5l3 2-3 2z",
  gallery: "M2.5 3h11v10h-11zM2.5 10.5l3-3 2.5 2.5 2-2 3.5 3.5M10.5 6h.01",
  nodes: "M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5h1.7c1.5 0 0 6 1.3 6",
  workflows: "M4 2.5h5.5L12 5v8.5H4zM9.5 2.5V5H12M6 8h4M6 10.5h4",
  models: "M8 2l5.5 3v6L8 14l-5.5-3V5zM2.5 5L8 8l5.5-3M8 8v6",
  templates: "M2.5 2.5h4.5V8H2.5zM9 2.5h4.5v3H9zM9 7.5h4.5v6H9zM2.5 10H7v3.5H2.5z",
  inspector: "M3 4.5h5M11 4.5h2M3 8h1.5M7.5 8H13M3 11.5h6M12 11.5h1M9.5 3v3M6 6.5v3M10.5 10v3",
  settings:
    "M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4M8 2v1.5M8 12.5V14M2 8h1.5M12.5 8H14M3.8 3.8l1 1M11.2 11.2l1 1M12.2 3.8l-1 1M4.8 11.2l-1 1",
  training: "M2.5 2.5v11h11M4.5 5c1.5 5 3.5 5.5 8.5 5.5",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M11.8 7h.01M5 9.5h6",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  pause: "M5 3.5v9M11 3.5v9",
  front: "M8 13V5M4.5 8L8 4.5 11.5 8M3.5 2.5h9",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3L13.5 13.5",
  undo: "M6 3L3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  redo: "M10 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  minus: "M3 8h10",
  hand: "M5 8V4.5a1 1 0 0 1 2 0V7 3.5a1 1 0 0 1 2 0V7 4.5a1 1 0 0 1 2 0V8 6.5a1 1 0 0 1 2 0V10c0 2-1.5 3.5-3.5 3.5H8.5C7 13.5 6 12.7 5 11L3.5 8.5c0-1 1-1.2 1.5-.5z",
  pointer: "M3.5 2.5l9 4.2-4 1.3-1.5 4.2z",
  map: "M2.5 3h11v10h-11zM8 8h4v4H8z",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  left: "M10 4L6 8l4 4",
  right: "M6 4l4 4-4 4",
  clear: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 9h6l.5-9",
  edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3z",
  again: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.5h-2.5",
  save: "M3 3h8.5L13 4.5V13H3zM5.5 3v3h5V3M5 13V9h6v4",
  folder: "M2.5 4h4l1.5 1.5h5.5V13h-11z",
  warning: "M8 2.5l6 11H2zM8 6.5v3.5M8 12h.01",
  info: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 7.2v4M8 4.9h.01",
  check: "M3 8.5L6.5 12 13 4.5",
  compare: "M8 2v12M2.5 4H6v8H2.5zM10 4h3.5v8H10z",
  download: "M8 3v7M4.5 7L8 10.5 11.5 7M3 13.5h10",
  die: "M4.5 2.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM5.5 5.3v.4M10.5 10.3v.4M8 7.8v.4M10.5 5.3v.4M5.5 10.3v.4",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  shuffle: "M2 4.5h2.5l6 7H14M2 11.5h2.5l1.6-1.9M9 6.2l1.5-1.7H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2",
  upload: "M8 11V3M4.5 6L8 2.5 11.5 6M3 11v2.5h10V11",
  brush: "M13.5 2.5L7 9M6.5 8.5c1 .2 1.5.9 1.6 1.8.1 1.8-1.6 3.2-5.6 3.2 1.2-.7 1.3-1.5 1.5-2.6.2-1.3 1.2-2.5 2.5-2.4z",
  erase: "M6 13.5h7.5M3.2 9.8l6-6.5 3.7 3.4-6 6.5H5.5L3.2 11.2z",
  invert: "M8 2.5a5.5 5.5 0 0 1 0 11zM8 2.5a5.5 5.5 0 0 0 0 11",
  fill: "M3 13.5h10M4 8l4.5-4.5L12 7l-4.5 4.5zM13 10v1.5",
  box: "M3 3h10v10H3z",
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
