// The frame of all views: where one is, the time range, whether it is live; and which view the address means.
import {Component, useCallback, useEffect, useRef, useState, type ReactNode} from "react";
import {AccessView} from "./access/view";
import {useAnswer} from "./api/answer";
import {ApplicationContext} from "./api/application";
import {useEvent, useLiveState} from "./api/live";
import type {Application, Decision} from "./api/types";
import {Help} from "./help";
import {MapView} from "./map/view";
import {shifted} from "./range";
import {changed, go, href, useRoute} from "./route";
import {ServiceList} from "./service/list";
import {ServiceView} from "./service/view";
import {useShortcuts} from "./shortcuts";
import {switchTheme, useTheme} from "./theme";
import {TimeRange} from "./time_range";
import {TraceList} from "./traces/list";
import {TraceView} from "./traces/view";
import {announce, Announcer} from "./ui/announce";
import {IconButton} from "./ui/controls";
import {Icon, Mark} from "./ui/icons";
import {Empty} from "./ui/states";

const kViews = [
  ["map", "Map"],
  ["traces", "Traces"],
  ["services", "Services"],
  ["access", "Access"],
] as const;

export function App() {
  const {path, range} = useRoute();
  const [view = "map", detail] = path;
  const application = useAnswer<Application>("application", 60_000);
  const main = useRef<HTMLElement>(null);
  const [helping, setHelping] = useState(false);
  const theme = useTheme();

  const {again} = application;
  useEvent("application", useCallback(() => again(), [again]));
  useEvent(
    "decision",
    useCallback((decision: Decision) => announce(`${decision.verdict}: ${decision.subject} to ${decision.object || "an unknown address"}, ${decision.action ?? ""}`), []),
  );
  useShortcuts({
    "?": () => setHelping(true),
    "g m": () => go(href(["map"])),
    "g t": () => go(href(["traces"])),
    "g s": () => go(href(["services"])),
    "g a": () => go(href(["access"])),
    "/": () => document.getElementById("search")?.focus(),
    "[": () => go(changed({}, shifted(range, -1, Date.now()))),
    "]": () => go(changed({}, shifted(range, 1, Date.now()))),
    l: () => go(changed({}, {live: "live" in range ? range.live : "15m"})),
    d: switchTheme,
  });

  const name = application.data?.app;
  const title = kViews.find(([id]) => id === view)?.[1] ?? "Console";
  useEffect(() => {
    document.title = [detail && view !== "traces" ? detail : undefined, title, name, "Bulkhead"].filter(Boolean).join(" · ");
  }, [detail, view, title, name]);

  return (
    <ApplicationContext.Provider value={application}>
      <div className="shell">
        <a
          className="button skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          Skip to the view
        </a>
        <header className="bar">
          <a className="brand" href={href(["map"])}>
            <Mark />
            <span className="unseen">Bulkhead console</span>
            <span>{name ?? "Bulkhead"}</span>
            {application.data && <small>v{application.data.version}</small>}
          </a>
          <nav className="views" aria-label="Views">
            {kViews.map(([id, text]) => (
              <a key={id} href={href([id])} aria-current={id === view ? "page" : undefined}>
                <Icon name={id} /> {text}
              </a>
            ))}
          </nav>
          <div className="tools">
            <Pulse live={"live" in range} />
            <TimeRange range={range} />
            <IconButton icon="theme" label={theme === "dark" ? "Light theme" : "Dark theme"} shortcut="d" onClick={switchTheme} />
            <IconButton icon="help" label="Keys" shortcut="?" onClick={() => setHelping(true)} />
          </div>
        </header>
        <Away answer={application} />
        <main className="main" id="main" ref={main} tabIndex={-1}>
          <Guard key={path.join("/")}>
            <View view={view} detail={detail} />
          </Guard>
        </main>
        <Announcer />
        <Help open={helping} onClose={() => setHelping(false)} />
      </div>
    </ApplicationContext.Provider>
  );
}

function View({view, detail}: {view: string; detail: string | undefined}) {
  if (view === "map") return <MapView />;
  if (view === "traces") return detail ? <TraceView id={detail} /> : <TraceList />;
  if (view === "services") return detail ? <ServiceView name={detail} /> : <ServiceList />;
  if (view === "access") return <AccessView tab={detail ?? "matrix"} />;
  return (
    <Empty page title="There is no such view">
      <p>The address names “{view}”. The views are above.</p>
    </Empty>
  );
}

// What is on the page is of the last answer, and says so while the collector is away.
function Away({answer}: {answer: {data: Application | undefined; refusal: {what: string} | undefined}}) {
  if (!answer.data || answer.refusal?.what !== "away") return <div />;
  return (
    <p className="notice bad" role="status">
      The collector is away: this is what it said last. Services run on without it; the page asks again every few seconds.
    </p>
  );
}

function Pulse({live}: {live: boolean}) {
  const state = useLiveState();
  const [tone, text] = !live ? ["", "Past"] : state === "live" ? ["good", "Live"] : state === "broken" ? ["bad", "No news"] : ["warn", "Joining"];
  return (
    <span className="pulse" title={state === "broken" ? "The stream of events has ended; it is joined again by itself." : undefined}>
      <i className={`dot ${tone}`} aria-hidden="true" />
      <span>{text}</span>
    </span>
  );
}

/// A mistake of ours in one view leaves the others.
class Guard extends Component<{children: ReactNode}, {error: Error | null}> {
  override state = {error: null as Error | null};
  static getDerivedStateFromError(error: Error) {
    return {error};
  }
  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <div className="state" role="alert">
        <h2>This view failed</h2>
        <p>
          <code>{this.state.error.message}</code>
        </p>
        <p>That is a mistake of the console. The other views go on.</p>
        <button type="button" className="button" onClick={() => this.setState({error: null})}>
          Try again
        </button>
      </div>
    );
  }
}
