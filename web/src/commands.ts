// Everything the editor can do, by name: what keys, menus, buttons and the command list start. A new command is one
// entry here or in one of the files beside. Knows stores and operations; draws nothing.

import { busy } from "./busy";
import { clipboardCommands } from "./clipboard";
import { documentCommands } from "./commands_documents";
import { graphCommands } from "./commands_graph";
import { viewCommands } from "./commands_view";
import { t } from "./i18n";
import { toast } from "./store/ui";

export type CommandGroup = "file" | "edit" | "node" | "group" | "subgraph" | "view" | "run" | "panel";

export interface Command {
  id: string;
  /** Key of its name for users. */
  label: string;
  group: CommandGroup;
  run(arg?: unknown): void | Promise<void>;
  /** Left out: always. */
  enabled?(): boolean;
  /** Of switches: whether it is on now. */
  checked?(): boolean;
}

/** A command as it is written down: its id is its key, its label `command.<id>`. */
export type CommandTable = Record<string, Omit<Command, "id" | "label">>;

export const commands: Record<string, Command> = Object.fromEntries(
  Object.entries({ ...documentCommands, ...clipboardCommands, ...graphCommands, ...viewCommands }).map(
    ([id, command]) => [id, { ...command, id, label: `command.${id}` }],
  ),
);

/** Run a command unless it makes no sense now. What goes wrong is told to the user, and not thrown. */
export async function runCommand(id: string, arg?: unknown): Promise<void> {
  const command = commands[id];
  if (command === undefined || command.enabled?.() === false) return;
  try {
    const work = command.run(arg);
    if (work instanceof Promise) await busy(work);
  } catch (error) {
    toast("error", t("messages.commandFailed", { name: t(command.label), why: sayError(error) }));
  }
}

/** An error in words for users: the server's record has a message that says what to do. */
export function sayError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
