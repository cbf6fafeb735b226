import {useApplication} from "../api/application";
import {useLiveGraph} from "../map/live";
import {href, useRoute} from "../route";
import {Answered, Empty, NotSeen} from "../ui/states";
import {CallList} from "./calls";
import {Decisions} from "./decisions";
import {Matrix} from "./matrix";
import {ReachOf} from "./reach";
import {Rules} from "./rules";

const kTabs = [
  ["matrix", "Matrix", "who may call whom"],
  ["rules", "Rules", "every declared way, and where it is written"],
  ["reach", "Reach", "where an intruder in one service could get"],
  ["calls", "Calls", "what was called or tried, each kind once"],
  ["decisions", "Decisions", "what was denied, as it happens"],
] as const;

export function AccessView({tab}: {tab: string}) {
  const application = useApplication();
  const {range} = useRoute();
  const graph = useLiveGraph(range);
  const known = kTabs.find(([id]) => id === tab);
  return (
    <div className="page access">
      <div className="title">
        <h1>Access</h1>
        <nav className="tabs" aria-label="Access">
          {kTabs.map(([id, text]) => (
            <a key={id} href={href(["access", id])} aria-current={id === tab ? "page" : undefined}>
              {text}
            </a>
          ))}
        </nav>
        {known && <span className="second">{known[2]}</span>}
        <span className="grow" />
        {tab !== "decisions" && tab !== "reach" && tab !== "calls" && <NotSeen window={graph.data?.window} />}
      </div>
      {tab === "decisions" ? (
        <Decisions />
      ) : tab === "calls" ? (
        <CallList />
      ) : (
        <Answered answer={application} what="access">
          {(declared) => {
            if (tab === "matrix") return <Matrix application={declared} graph={graph.data} />;
            if (tab === "rules") return <Rules application={declared} graph={graph.data} />;
            if (tab === "reach") return <ReachOf application={declared} graph={graph.data} />;
            return <Empty title="There is no such list" />;
          }}
        </Answered>
      )}
    </div>
  );
}
