// Something asked of the server by a press, whose failure is told to the user. Draws nothing.

import { busy } from "../busy";
import { sayError } from "../commands";
import { toast } from "../store/ui";

/** Do something with the server and tell the user if it fails. Returns whether it went well. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await busy(work());
    return true;
  } catch (error) {
    toast("error", sayError(error));
    return false;
  }
}
