// Which calls were made or tried, each kind once: what a manifest would have to declare, and what it declares for nothing.
import {useAnswer} from "../api/answer";
import {query} from "../api/ask";
import type {Call, Calls} from "../api/types";
import {ago, count} from "../format";
import {inQuestion, refreshMs} from "../range";
import {changed, go, href, useRoute} from "../route";
import {Command, Field, Segments} from "../ui/controls";
import {Pill, type Tone} from "../ui/marks";
import {Answered, Empty, NothingHere, NotSeen} from "../ui/states";
import {Table} from "../ui/table";

const kTones: Record<Call["verdict"], Tone> = {allowed: "good", denied: "bad", audited: "warn", learned: "accent"};

export function CallList() {
  const {parameters, range} = useRoute();
  const answer = useAnswer<Calls>(query("calls", inQuestion(range)), refreshMs(range));
  const find = parameters.get("q") ?? "";
  const verdict = parameters.get("verdict") ?? "";
  const words = find.toLowerCase().split(" ");
  const matches = (call: Call) => (!verdict || call.verdict === verdict) && words.every((word) => [call.from, call.to, call.method, call.path].join(" ").toLowerCase().includes(word));
  return (
    <section className="panel" aria-label="Calls" aria-busy={answer.stale && answer.loading}>
      <header className="wrap">
        <h2>Calls</h2>
        <NotSeen window={answer.data?.window} />
        <Segments label="Verdict" value={verdict} options={[["", "All"], ["allowed", "Allowed"], ["learned", "Learned"], ["audited", "Audited"], ["denied", "Denied"]]} onChange={(to) => go(changed({verdict: to}), true)} />
        <span className="find">
          <Field id="search" label="Service or part of a path" value={find} placeholder="Service or path" width={170} onTake={(q) => go(changed({q}), true)} />
        </span>
      </header>
      <Answered answer={answer} what="calls">
        {({calls, window}) => {
          const shown = calls.filter(matches);
          if (calls.length === 0) return <NothingHere window={window} what="calls" />;
          if (shown.length === 0) return <Empty title="None matches">{<a href={changed({q: null, verdict: null})}>All calls</a>}</Empty>;
          return <List calls={shown} />;
        }}
      </Answered>
    </section>
  );
}

function List({calls}: {calls: Call[]}) {
  return (
    <Table
      label="Calls"
      rows={calls}
      limit={200}
      id={(call) => `${call.from} ${call.to} ${call.port} ${call.method} ${call.path} ${call.verdict}`}
      columns={[
        {name: "From", cell: (call) => <a href={href(["services", call.from])}>{call.from}</a>, sort: (call) => call.from},
        {name: "To", cell: (call) => (call.to ? <a href={href(["map"], {edge: `${call.from}>${call.to}`})}>{call.to}</a> : "unknown"), sort: (call) => call.to},
        {name: "Call", cell: (call) => <code>{[call.method, call.path].filter(Boolean).join(" ") || `${call.protocol ?? ""} ${call.port ?? ""}`}</code>, sort: (call) => `${call.path} ${call.method}`},
        {name: "Verdict", cell: (call) => <Pill tone={kTones[call.verdict] ?? ""}>{call.verdict}</Pill>, sort: (call) => call.verdict},
        {name: "Times", number: true, cell: (call) => count(call.count), sort: (call) => call.count},
        {name: "Last", cell: (call) => <span className="second nowrap">{ago(call.last_ms)}</span>, sort: (call) => call.last_ms},
        {name: "Would allow it", cell: (call) => (call.allow ? <Command text={call.allow} /> : null)},
        {name: "Trace", cell: (call) => (call.traces?.[0] ? <a href={href(["traces", call.traces[0]])}>trace</a> : null)},
      ]}
    />
  );
}
