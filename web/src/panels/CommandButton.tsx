// A button that runs a command: it has the command's name, its keys in the tooltip, and is off when the command is.
// Asks whether the command can run each time its surroundings are drawn. Knows no particular command.

import { commands, runCommand } from "../commands";
import { t } from "../i18n";
import { Icon, type IconName } from "../icons";
import { keysOf } from "../keys";

interface Props {
  id: string;
  arg?: unknown;
  icon?: IconName;
  /** Text beside the picture; without it the picture stands alone and the name is the label for screen readers. */
  text?: string;
  className?: string;
  /** Shows whether the command's switch is on. */
  pressed?: boolean;
}

export function CommandButton({ id, arg, icon, text, className = "button", pressed }: Props) {
  const command = commands[id];
  if (command === undefined) return null;
  const label = t(command.label);
  const keys = keysOf(id)[0];
  return (
    <button
      type="button"
      className={className}
      data-command={id}
      disabled={command.enabled?.() === false}
      aria-pressed={pressed}
      aria-label={text === undefined ? label : undefined}
      title={keys === undefined ? label : `${label} (${keys})`}
      onClick={() => void runCommand(id, arg)}
    >
      {icon && <Icon name={icon} />}
      {text !== undefined && <span>{text}</span>}
    </button>
  );
}
