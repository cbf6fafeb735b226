import {memo} from "react";
import {percent, rate} from "../format";
import {serviceState, serviceTone} from "../ui/marks";
import type {NodeStats} from "./graph";
import type {MapNode, Place} from "./model";

const kIcons: Record<Place, string> = {
  clients: "M5.5 7a2.2 2.2 0 1 0 0-.01M2 13c.3-2.3 1.7-3.4 3.5-3.4S8.7 10.7 9 13M10.5 7.5a1.8 1.8 0 1 0-.6-3.4M11 9.7c1.6.1 2.7 1.2 3 3.3",
  gateway: "M3 13.5V6a5 5 0 0 1 10 0v7.5M6.3 13.5V6.5a1.7 1.7 0 0 1 3.4 0v7",
  service: "M8 2l5.2 3v6L8 14l-5.2-3V5zM2.8 5L8 8l5.2-3M8 8v6",
  job: "M8 2.5a5.5 5.5 0 1 0 5.5 5.5M8 5v3l2.5 1.5M10.5 2.5h3v3",
  store: "M3 4.2c0-1.2 2.2-2 5-2s5 .8 5 2-2.2 2-5 2-5-.8-5-2v7.6c0 1.2 2.2 2 5 2s5-.8 5-2V4.2M3 8c0 1.2 2.2 2 5 2s5-.8 5-2",
  outside: "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 0 0-11 0M2.5 8h11M8 2.5c3 3 3 8 0 11M8 2.5c-3 3-3 8 0 11",
  nobody: "M3.5 8a4.5 4.5 0 1 0 9 0 4.5 4.5 0 0 0-9 0M5 5l6 6",
};

interface Card {
  node: MapNode;
  x: number;
  y: number;
  stats: NodeStats | undefined;
  seconds: number;
  href: string;
  selected: boolean;
  faint: boolean;
  tabbed: boolean;
}

/// One place of the map. Drawn again only where something that it shows has changed.
export const NodeCard = memo(
  function NodeCard({node, x, y, stats, seconds, href, selected, faint, tabbed}: Card) {
    const tone = node.service ? serviceTone(node.service) : "";
    const busy = stats && stats.requests > 0;
    return (
      <a
        href={href}
        className={`node ${node.place}${selected ? " selected" : ""}${faint ? " faint" : ""}${tone ? ` is-${tone}` : ""}`}
        style={{left: x, top: y}}
        data-node={node.id}
        tabIndex={tabbed ? 0 : -1}
        draggable={false}
        aria-current={selected ? "true" : undefined}
      >
        <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.25" strokeLinejoin="round" strokeLinecap="round" aria-hidden="true">
          <path d={kIcons[node.place]} />
        </svg>
        <span className="name">{node.name}</span>
        <span className="unseen">{said(node)}</span>
        <span className="figures">
          {busy ? (
            <>
              {rate(stats.requests / seconds)}
              {stats.errors > 0 && (
                <em className="warn">
                  {percent(stats.errors, stats.requests)}
                  <span className="unseen"> errors</span>
                </em>
              )}
            </>
          ) : stats && stats.denied > 0 ? null : (
            node.note
          )}
          {stats && stats.denied > 0 && <em className="bad">{stats.denied} denied</em>}
        </span>
      </a>
    );
  },
  (a, b) => a.x === b.x && a.y === b.y && a.href === b.href && a.selected === b.selected && a.faint === b.faint && a.tabbed === b.tabbed && a.node.service === b.node.service && a.node.note === b.node.note && a.seconds === b.seconds && same(a.stats, b.stats),
);

function same(a: NodeStats | undefined, b: NodeStats | undefined): boolean {
  return a?.requests === b?.requests && a?.errors === b?.errors && a?.denied === b?.denied;
}

function said(node: MapNode): string {
  const place = node.place === "nobody" ? "addresses that are not of this application" : node.place === node.name ? "" : node.place;
  return [place, node.service && node.place !== "job" ? serviceState(node.service) : ""].filter(Boolean).join(", ");
}
