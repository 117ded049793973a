// A switch for a truth value: the whole row is the button. Knows no store.

import type { WidgetSpec } from "../model/spec";
import type { ControlProps } from ".";

export function ToggleWidget(props: ControlProps<Extract<WidgetSpec, { kind: "bool" }>>) {
  const { spec, value, label, disabled, onChange, describedBy } = props;
  const on = value === true;
  const word = on ? spec.on : spec.off;
  return (
    <button
      type="button"
      role="switch"
      className="w-field w-toggle"
      aria-checked={on}
      aria-describedby={describedBy}
      disabled={disabled}
      onClick={() => onChange(!on)}
    >
      <span className="w-label clip">{label}</span>
      {word && <span className="w-value clip">{word}</span>}
      <span className="w-knob" aria-hidden="true" />
    </button>
  );
}
