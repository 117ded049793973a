// The text of a note: plain, or formatted until one edits it. Knows no store.

import { lazy, Suspense, useRef, useState } from "react";
import { Boundary } from "../Boundary";
import { t } from "../i18n";

const Markdown = lazy(() => import("../widgets/markdown"));
/** What may be more than words in paragraphs; without any of it nothing is fetched to show a text. */
const MARKS = /[*_`#[\]<>|~\\&=]|:\/\/|^\s*([-+]|\d+[.)])\s|^ {4}|---/m;

export function NoteText({
  formatted,
  text,
  readOnly,
  onChange,
}: {
  formatted: boolean;
  text: string;
  readOnly: boolean;
  onChange(text: string, gesture?: string): void;
}) {
  // What is typed while the field has the focus is one step of undo.
  const session = useRef(0);
  const [editing, setEditing] = useState(false);
  if ((editing || !formatted) && !readOnly) {
    return (
      <textarea
        className="note-text nodrag nowheel"
        aria-label={t("canvas.note")}
        value={text}
        onChange={(event) => onChange(event.target.value, `note ${session.current}`)}
        // biome-ignore lint/a11y/noAutofocus: it takes the place of the text that was double-clicked
        autoFocus={formatted}
        onFocus={() => {
          session.current = Date.now();
        }}
        onBlur={() => setEditing(false)}
      />
    );
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button below does the same by keyboard
    <div className="note-text" onDoubleClick={() => setEditing(true)} data-title>
      <Boundary fallback={text}>
        <Suspense fallback={text}>
          {formatted && MARKS.test(text) ? <Markdown text={text} /> : <Plain text={text || t("canvas.emptyNote")} />}
        </Suspense>
      </Boundary>
      {!readOnly && (
        <button
          type="button"
          className="note-edit"
          aria-label={t("canvas.editNote")}
          onClick={() => setEditing(true)}
        />
      )}
    </div>
  );
}

function Plain({ text }: { text: string }) {
  return text.split(/\n\s*\n/).map((paragraph, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: paragraphs have no names
    <p key={index}>{paragraph}</p>
  ));
}
