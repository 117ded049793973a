// Text in Markdown, for notes and descriptions of node types. Loaded when it is first needed. Raw HTML stays text, links
// open elsewhere and learn nothing of this page, pictures from elsewhere become links. Knows no store.

import Markup from "markdown-to-jsx";
import type { AnchorHTMLAttributes, ImgHTMLAttributes, ReactNode } from "react";
import "./markdown.css";

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="markdown">
      <Markup
        options={{
          disableParsingRawHTML: true,
          forceBlock: true,
          overrides: { a: { component: OuterLink }, img: { component: OwnPicture } },
        }}
      >
        {text}
      </Markup>
    </div>
  );
}

function OuterLink({ href, title, children }: AnchorHTMLAttributes<HTMLAnchorElement> & { children?: ReactNode }) {
  if (!safe(href)) return <span title={title}>{children}</span>;
  return (
    <a href={href} title={title} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

function OwnPicture({ src, alt, title }: ImgHTMLAttributes<HTMLImageElement>) {
  if (typeof src !== "string") return <span>{alt}</span>;
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(src)) return <OuterLink href={src}>{alt || src}</OuterLink>;
  return <img src={src} alt={alt ?? ""} title={title} loading="lazy" />;
}

/** Addresses that lead to a page; never ones that run something. */
export function safe(href: string | undefined): href is string {
  if (href === undefined) return false;
  return /^(https?:|mailto:|#|\/(?!\/)|\.{1,2}\/|[^:/?#\\]+([/?#]|$))/i.test(href.trim());
}
