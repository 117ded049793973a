// The canvas on the page: a picture of links and far nodes, React Flow above it for the nodes that are near, a second
// picture for what a gesture shows. React Flow keeps the view and puts nodes on the page; what pointer and keys do
// stands in gestures.ts and keyboard.ts, what is shown in board.ts.

import { ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import "./canvas.css";
import "./pictures.css";
import "./sockets.css";
import { useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useStore } from "zustand";
import { t } from "../i18n";
import { useSetting } from "../store/settings";
import { ui } from "../store/ui";
import { Board } from "./board";
import type { LoomNode } from "./elements";
import { Frames } from "./Frames";
import { type Held, listen } from "./gestures";
import { listenKeys } from "./keyboard";
import { Minimap } from "./Minimap";
import { NodeView } from "./NodeView";
import { LEAST_ZOOM, MOST_ZOOM } from "./strokes";

const NODE_TYPES = { loom: NodeView };
const NO_EDGES: never[] = [];
const PLAIN = { hideAttribution: true };
/** The map has no room on a phone. */
const MAP_FROM = 700;

export function Canvas() {
  const root = useRef<HTMLDivElement>(null);
  const under = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [board, setBoard] = useState<Board | null>(null);
  const [nodes, setNodes] = useState<LoomNode[]>([]);
  const mode = useStore(ui, (state) => state.mode);
  const minimap = useStore(ui, (state) => state.minimap);
  const wheel = useSetting("wheel");

  useEffect(() => {
    if (root.current === null || under.current === null || over.current === null) return;
    const held: Held = { space: false, y: false };
    const made = new Board(root.current, under.current, over.current, (shown) => flushSync(() => setNodes(shown)));
    const stops = [made.start(), listen(made, held), listenKeys(made, held)];
    setBoard(made);
    return () => {
      for (const stop of stops) stop();
    };
  }, []);

  return (
    <div
      ref={root}
      className="canvas"
      data-canvas
      data-mode={mode}
      role="application"
      aria-label={t("canvas.graph")}
      aria-description={t("canvas.help")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the graph takes keys as a whole
      tabIndex={0}
    >
      <canvas ref={under} className="canvas-paint" />
      {board !== null && (
        <ReactFlow
          nodes={nodes}
          edges={NO_EDGES}
          nodeTypes={NODE_TYPES}
          onInit={(flow) => board.attach(flow)}
          onMove={(_, view) => board.viewMoved(view)}
          minZoom={LEAST_ZOOM}
          maxZoom={MOST_ZOOM}
          panOnDrag={false}
          panOnScroll={wheel === "pan"}
          zoomOnScroll={wheel === "zoom"}
          zoomOnDoubleClick={false}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          elementsSelectable={false}
          edgesFocusable={false}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          deleteKeyCode={null}
          panActivationKeyCode={null}
          zoomActivationKeyCode={null}
          disableKeyboardA11y
          proOptions={PLAIN}
        />
      )}
      <canvas ref={over} className="canvas-sketch" />
      <span tabIndex={-1} data-canvas-end />
      <Frames board={board} />
      {board !== null && minimap && window.innerWidth >= MAP_FROM && <Minimap board={board} />}
    </div>
  );
}
