// What is said to the user: short messages at the edge, read out by screen readers. Errors stay until they are closed.
// Knows the view's store only.

import { useEffect } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { Icon } from "../icons";
import { page } from "../store/page";
import type { UiState } from "../store/shapes";
import { dismissToast, ui } from "../store/ui";

type Toast = UiState["toasts"][number];

const SHOWN_MS = 10_000;

export function Toasts() {
  const toasts = useStore(ui, (state) => state.toasts);
  const spoken = useStore(page, (state) => state.spoken);
  return (
    <>
      <section className="toasts" aria-label={t("shell.messages")}>
        {toasts.map((toast) => (
          <ToastView key={toast.id} toast={toast} />
        ))}
      </section>
      <div className="sr-only" role="status" aria-live="polite" data-spoken>
        {spoken}
      </div>
    </>
  );
}

function ToastView({ toast }: { toast: Toast }) {
  const stays = toast.level === "error";
  useEffect(() => {
    if (stays) return;
    const timer = window.setTimeout(() => dismissToast(toast.id), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [toast.id, stays]);
  return (
    <div className={`toast ${toast.level}`} data-toast={toast.level} role={stays ? "alert" : "status"}>
      <Icon name={toast.level === "info" ? "info" : "warning"} />
      <span className="toast-text">{toast.text}</span>
      {toast.action && (
        <button
          type="button"
          className="button"
          onClick={() => {
            toast.action?.run();
            dismissToast(toast.id);
          }}
        >
          {toast.action.label}
        </button>
      )}
      <button
        type="button"
        className="icon-button"
        aria-label={t("shell.dismiss")}
        onClick={() => dismissToast(toast.id)}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
