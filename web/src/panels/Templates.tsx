// Workflows to begin with, from the server, as a panel. Knows nothing more of them than where they are drawn.

import { TemplateCards } from "./FirstRun";
import { Panel } from "./Panel";

export default function Templates() {
  return (
    <Panel name="templates">
      <TemplateCards />
    </Panel>
  );
}
