// The frame of a dialog: the browser's own modal window, which keeps the focus inside and gives it back. The focus
// begins at what is marked `data-first`. Knows no particular dialog.

import { type FormEvent, type ReactNode, useEffect, useId, useRef } from "react";
import { t } from "../i18n";
import { Icon } from "../icons";
import { closeDialog } from "../store/ui";

interface Props {
  title: string;
  kind: string;
  children: ReactNode;
  /** Buttons at the bottom, the one that goes on last. */
  actions?: ReactNode;
  wide?: boolean;
  /** Enter does this; left out for dialogs that only show something. */
  onSubmit?(): void | Promise<void>;
  onClose?(): void;
}

export function DialogFrame({ title, kind, children, actions, wide, onSubmit, onClose }: Props) {
  const root = useRef<HTMLDialogElement>(null);
  const id = useId();
  const close = () => (onClose ? onClose() : closeDialog());
  useEffect(() => {
    const element = root.current;
    if (element !== null && !element.open) {
      element.showModal();
      // By itself the browser would choose the first button, which closes the dialog.
      const first = element.querySelector<HTMLElement>("[data-first]") ?? element.querySelector<HTMLElement>("h2");
      first?.focus();
      if (first instanceof HTMLInputElement) first.select();
    }
    return () => element?.close();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onSubmit?.();
  };
  return (
    <dialog
      ref={root}
      className={wide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      data-dialog={kind}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onPointerDown={(event) => event.target === root.current && isOutside(event.nativeEvent, root.current) && close()}
    >
      <form method="dialog" className="dialog-form" onSubmit={submit}>
        <header className="dialog-title">
          <h2 id={id} tabIndex={-1}>
            {title}
          </h2>
          <button type="button" className="icon-button" aria-label={t("dialog.close")} onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <div className="dialog-body">{children}</div>
        {actions && <footer className="dialog-actions">{actions}</footer>}
      </form>
    </dialog>
  );
}

/** A button that closes the dialog without doing anything. */
export function Cancel({ first }: { first?: boolean }) {
  return (
    <button type="button" className="button quiet" data-first={first || undefined} onClick={() => closeDialog()}>
      {t("dialog.cancel")}
    </button>
  );
}

function isOutside(event: PointerEvent, element: HTMLElement): boolean {
  const box = element.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
