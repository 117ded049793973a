// The page that is seen while nothing is open, with workflows to begin with from the server. Those that can run with what
// is here come first. Part of what the editor begins with. Knows the server's calls.

import { useEffect, useState } from "react";
import { runCommand } from "../commands";
import { t } from "../i18n";
import { Icon } from "../icons";
import * as api from "../server/api";
import type { Template } from "../server/protocol";
import { openTemplate } from "../store/docs";
import { setPanel } from "../store/ui";
import { attempt } from "./attempt";
import { CommandButton } from "./CommandButton";
import "./templates.css";

/** What is seen when nothing is open. */
export function FirstRun() {
  return (
    <div className="first-run scroller" data-first-run>
      <h1>{t("templates.welcome")}</h1>
      <p className="dim">{t("templates.begin")}</p>
      <div className="button-row">
        <CommandButton id="file.new" icon="plus" text={t("templates.empty")} className="button primary" />
        <CommandButton id="file.open" icon="folder" text={t("command.file.open")} />
        <button type="button" className="button" onClick={() => void runCommand("panel.workflows")}>
          <Icon name="workflows" />
          <span>{t("panel.workflows")}</span>
        </button>
        <CommandButton id="file.recent" icon="again" text={t("command.file.recent")} />
      </div>
      <TemplateCards />
    </div>
  );
}

/** Cards of the workflows that the server offers. */
export function TemplateCards() {
  const [templates, setTemplates] = useState<Template[] | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    api.templates.list(stop.signal).then(setTemplates, (error: unknown) => {
      if (!stop.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
    });
    return () => stop.abort();
  }, []);
  if (failure !== "") return <p className="notice error">{failure}</p>;
  if (templates === null) return <p className="empty">{t("shell.loading")}</p>;
  if (templates.length === 0) return <p className="empty">{t("messages.noTemplates")}</p>;
  const ready = templates.filter((template) => template.runs);
  const others = templates.filter((template) => !template.runs);
  return (
    <>
      {ready.length > 0 && <Shelf title={t("templates.ready")} templates={ready} />}
      {others.length > 0 && <Shelf title={t("templates.others")} templates={others} />}
    </>
  );
}

function Shelf({ title, templates }: { title: string; templates: Template[] }) {
  return (
    <section className="shelf" aria-label={title}>
      <h2>{title}</h2>
      <ul className="cards">
        {templates.map((template) => (
          <Card key={template.name} template={template} />
        ))}
      </ul>
    </section>
  );
}

function Card({ template }: { template: Template }) {
  const open = async () => {
    if (await attempt(() => openTemplate(template.name))) setPanel(null);
  };
  return (
    <li>
      <button type="button" className="card" data-template={template.name} onClick={() => void open()}>
        <span className={template.picture === null ? "card-picture none" : "card-picture"} aria-hidden="true">
          {template.picture === null ? <Icon name="nodes" /> : <img src={template.picture} alt="" loading="lazy" />}
        </span>
        <span className="card-title">{template.title}</span>
        {template.description && <span className="card-text">{template.description}</span>}
        <span className="card-foot">
          {template.category && <span className="badge">{template.category}</span>}
          <span className="dim">{t("templates.nodes", { n: template.nodes })}</span>
        </span>
      </button>
    </li>
  );
}
