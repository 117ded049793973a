// Keeps the page when a part of it fails, such as one that is fetched when it is first needed and is no longer on the
// server: the part is left out, and the user is told. Knows no particular part.

import { Component, type ReactNode } from "react";
import { t } from "./i18n";
import { toast } from "./store/ui";

interface Props {
  children: ReactNode;
  /** What stands in the place of what failed. */
  fallback?: ReactNode;
  /** Close what failed, so that nothing waits for it. */
  onFail?(): void;
}

export class Boundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(): void {
    toast("error", t("shell.failed"), { label: t("shell.reload"), run: () => location.reload() });
    this.props.onFail?.();
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
