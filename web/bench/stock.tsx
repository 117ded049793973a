// The reference: React Flow as its documentation shows it, the same graph, plain inputs for widgets, edges of its own.

import {
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  useEdgesState,
  useNodesState,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { createRoot } from "react-dom/client";
import { graph, WIDTH } from "./graph";

const CLOSE = 0.7;
const ROWS = ["steps", "sampler", "text", "scale"] as const;

function MeasuredNode({ id }: NodeProps) {
  return (
    <div
      style={{
        width: WIDTH,
        height: 210,
        background: "#24272e",
        color: "#eee",
        border: "1px solid #555",
        borderRadius: 6,
      }}
    >
      <div style={{ height: 30, lineHeight: "30px", padding: "0 10px" }}>Measured node {id}</div>
      {["in0", "in1"].map((name, place) => (
        <Handle key={name} type="target" id={name} position={Position.Left} style={{ top: 48 + 20 * place }} />
      ))}
      {["out0", "out1"].map((name, place) => (
        <Handle key={name} type="source" id={name} position={Position.Right} style={{ top: 48 + 20 * place }} />
      ))}
      <div style={{ marginTop: 46 }}>
        {ROWS.map((name) => (
          <div key={name} style={{ display: "flex", height: 28, gap: 8, padding: "0 10px" }}>
            <span style={{ width: 60 }}>{name}</span>
            {name === "steps" && <input type="number" defaultValue={20} className="nodrag" style={{ width: 120 }} />}
            {name === "text" && <input defaultValue="a quiet place" className="nodrag" style={{ width: 120 }} />}
            {name === "scale" && <input type="range" className="nodrag" style={{ width: 120 }} />}
            {name === "sampler" && (
              <select className="nodrag" style={{ width: 120 }}>
                <option>euler</option>
                <option>heun</option>
                <option>dpm</option>
              </select>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

const NODE_TYPES = { measured: MeasuredNode };

function Page({ nodes: first, edges: firstEdges, fit }: { nodes: Node[]; edges: Edge[]; fit: boolean }) {
  const [nodes, , onNodesChange] = useNodesState(first);
  const [edges, , onEdgesChange] = useEdgesState(firstEdges);
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      onNodesChange={onNodesChange}
      onEdgesChange={onEdgesChange}
      minZoom={0.01}
      fitView={fit}
      defaultViewport={{ x: 0, y: 40, zoom: CLOSE }}
    />
  );
}

export async function open(root: HTMLElement, n: number, fit: boolean): Promise<number> {
  const { nodes, links } = graph(n);
  const start = performance.now();
  const flowNodes: Node[] = nodes.map(({ id, x, y }) => ({
    id: String(id),
    type: "measured",
    position: { x, y },
    data: {},
  }));
  const edges: Edge[] = links.map((link) => ({
    id: String(link.id),
    source: String(link.from),
    sourceHandle: `out${link.out}`,
    target: String(link.to),
    targetHandle: `in${link.input}`,
  }));
  createRoot(root).render(<Page nodes={flowNodes} edges={edges} fit={fit} />);
  await new Promise<void>((resolve) => {
    const look = () => {
      const done = document.querySelectorAll(".react-flow__edge").length >= edges.length;
      const seen = document.querySelector<HTMLElement>(".react-flow__node")?.style.visibility === "visible";
      if (done && seen) requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  return performance.now() - start;
}
