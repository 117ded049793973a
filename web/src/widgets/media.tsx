// Files of the server in a row: the list with small pictures, upload by button, drop and paste, and the mask editor for
// pictures. Also the picture itself, for whoever has room for it. Knows the server's addresses and no document.

import { type ClipboardEvent, type DragEvent, lazy, Suspense, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { Boundary } from "../Boundary";
import { t } from "../i18n";
import { Icon } from "../icons";
import type { WidgetSpec } from "../model/spec";
import { type FilePlace, ServerError, upload, viewUrl } from "../server/api";
import { refreshTypes } from "../store/types";
import { toast } from "../store/ui";
import type { ControlProps } from ".";
import { Choice } from "./choice";
import "./media.css";

const MaskEditor = lazy(() => import("./MaskEditor"));
const THUMB = "webp;60";
const PLACES = ["input", "output", "temp"];

type FileSpec = Extract<WidgetSpec, { kind: "file" }>;

export function FileWidget(props: ControlProps<FileSpec>) {
  const { spec, value, disabled, onChange, label } = props;
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState(false);
  const [masking, setMasking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const stored = PLACES.includes(spec.folder);
  const place = stored && spec.picture && typeof value === "string" && value ? filePlace(value, spec.folder) : null;

  async function send(file: File | undefined) {
    if (file === undefined || disabled || sending) return;
    setSending(true);
    try {
      onChange(fileValue(await upload(file, { type: uploadFolder(spec.folder) }), spec.folder));
      await refreshTypes();
    } catch (error) {
      toast("error", error instanceof ServerError ? error.message : String(error));
    } finally {
      setSending(false);
    }
  }
  function dropped(event: DragEvent) {
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (!spec.upload || file === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    void send(file);
  }
  function pasted(event: ClipboardEvent) {
    const file = event.clipboardData.files[0];
    if (!spec.upload || file === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    void send(file);
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same by keyboard
    <div
      className={over ? "w-file over" : "w-file"}
      aria-busy={sending}
      onDragOver={(event) => {
        if (!spec.upload || disabled || !event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        event.stopPropagation();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={dropped}
      onPaste={pasted}
    >
      <Choice
        {...props}
        options={spec.options}
        picture={
          stored && spec.picture
            ? (option) => viewUrl(filePlace(String(option), spec.folder), { preview: THUMB })
            : undefined
        }
      >
        {place && (
          <button
            type="button"
            className="w-icon"
            aria-label={t("widgets.edit_mask", { name: label })}
            title={t("widgets.edit_mask", { name: label })}
            disabled={disabled}
            data-edit-mask
            onClick={() => setMasking(true)}
          >
            <Icon name="brush" />
          </button>
        )}
        {spec.upload && (
          <button
            type="button"
            className="w-icon"
            aria-label={t("widgets.upload", { name: label })}
            title={t("widgets.upload_hint")}
            disabled={disabled || sending}
            data-upload
            onClick={() => input.current?.click()}
          >
            <Icon name="upload" />
          </button>
        )}
      </Choice>
      {spec.upload && (
        <input
          ref={input}
          type="file"
          hidden
          aria-label={t("widgets.upload", { name: label })}
          accept={spec.picture ? "image/*" : undefined}
          onChange={(event) => {
            void send(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      )}
      {masking &&
        place &&
        // On the page itself: the canvas would take keys that are the dialog's for its own.
        createPortal(
          <Boundary onFail={() => setMasking(false)}>
            <Suspense fallback={null}>
              <MaskEditor
                picture={place}
                onSaved={(saved) => {
                  onChange(fileValue(saved, spec.folder));
                  void refreshTypes();
                }}
                onClose={() => setMasking(false)}
              />
            </Suspense>
          </Boundary>,
          document.body,
        )}
    </div>
  );
}

/** The picture that a file widget's value names, as large as its parent. */
export function FilePicture({ value, folder }: { value: string; folder: string }) {
  const [failed, setFailed] = useState("");
  const url = viewUrl(filePlace(value, folder), { preview: "webp;85" });
  if (failed === url) return <div className="w-picture empty">{t("widgets.no_picture")}</div>;
  return (
    <img
      className="w-picture"
      src={url}
      alt={t("widgets.picture_alt", { name: value })}
      loading="lazy"
      decoding="async"
      draggable={false}
      onError={() => setFailed(url)}
    />
  );
}

/** Where the file of a value lies: "sub/name.png [output]" names a folder of its own. */
export function filePlace(value: string, folder: string): { filename: string; subfolder: string; type: string } {
  const found = /^(.*) \[(input|output|temp)\]$/s.exec(value);
  const name = found?.[1] ?? value;
  const cut = name.lastIndexOf("/");
  return { filename: name.slice(cut + 1), subfolder: cut < 0 ? "" : name.slice(0, cut), type: found?.[2] ?? folder };
}

/** The value that names a file; the folder is named only if it is not the widget's own. */
export function fileValue(file: FilePlace, folder: string): string {
  const name = file.subfolder ? `${file.subfolder}/${file.name}` : file.name;
  return file.type === folder ? name : `${name} [${file.type}]`;
}

function uploadFolder(folder: string): FilePlace["type"] {
  return folder === "output" || folder === "temp" ? folder : "input";
}
