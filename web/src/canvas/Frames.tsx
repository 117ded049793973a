// Groups and the selected link for keyboard and screen reader: what the canvas paints has no elements of its own, these
// stand for it. They are seen only while they have the focus. Knows the scene's names, not how it is painted.

import { useStore } from "zustand";
import { t } from "../i18n";
import { membersOf } from "../model/ops";
import { type Layer, type Link, type LinkId, layerOf } from "../model/types";
import { docs } from "../store/docs";
import { activeLayer, openDialog, select, selectionOf, ui } from "../store/ui";
import type { Board } from "./board";

/** More groups than these are reached by other ways. */
const MOST = 200;

export function Frames({ board }: { board: Board | null }) {
  const layer = useStore(docs, () => layerShown());
  const chosen = useStore(ui, () => chosenLink());
  if (layer === undefined || board === null) return null;
  const link = chosen === null ? undefined : layer.links[chosen];
  return (
    <div className="frames" data-overlay>
      {Object.values(layer.groups)
        .slice(0, MOST)
        .map((group) => (
          <button
            key={group.id}
            type="button"
            className="frame-button"
            data-group={group.id}
            onFocus={() => {
              const place = board.place();
              if (place !== null) select(place.tab, [{ kind: "group", id: group.id }]);
              board.reveal(group.box);
            }}
            onClick={() =>
              openDialog({
                kind: "menu",
                at: board.toScreen([group.box.x, group.box.y]),
                target: { kind: "group", id: group.id },
              })
            }
          >
            {t("canvas.group", { title: group.title, n: membersOf(layer, group).length })}
          </button>
        ))}
      {link !== undefined && (
        <button
          type="button"
          className="frame-button"
          data-link={link.id}
          onClick={() =>
            openDialog({
              kind: "menu",
              at: board.toScreen(board.scene.middleOf(link.id) ?? [0, 0]),
              target: { kind: "link", id: link.id },
            })
          }
        >
          {sayLink(board, link)}
        </button>
      )}
    </div>
  );
}

function layerShown(): Layer | undefined {
  const active = activeLayer();
  return active === null ? undefined : layerOf(active.doc, active.layer);
}

function chosenLink(): LinkId | null {
  const active = activeLayer();
  const [item, more] = active === null ? [] : selectionOf(active.tab);
  return more === undefined && item?.kind === "link" ? item.id : null;
}

function sayLink(board: Board, link: Link): string {
  const name = (id: string) => {
    const placed = board.scene.nodes.get(id);
    return placed?.node.title ?? placed?.type?.title ?? placed?.node.type ?? id;
  };
  return t("canvas.link", { from: name(link.from), to: name(link.to), input: link.input });
}
