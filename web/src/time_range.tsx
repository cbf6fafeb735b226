// The one time range, in the bar: earlier, which, later.
import {useEffect, useRef, useState, type FormEvent} from "react";
import {clock} from "./format";
import {bounds, kChoices, shifted, spoken, type Range} from "./range";
import {changed, go} from "./route";
import {Icon} from "./ui/icons";

export function TimeRange({range}: {range: Range}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => !box.current?.contains(event.target as Node) && setOpen(false);
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      opener.current?.focus();
    };
    window.addEventListener("pointerdown", outside);
    window.addEventListener("keydown", escape, true);
    return () => {
      window.removeEventListener("pointerdown", outside);
      window.removeEventListener("keydown", escape, true);
    };
  }, [open]);
  const take = (to: Range) => {
    setOpen(false);
    go(changed({}, to));
    opener.current?.focus();
  };
  const text = "live" in range ? spoken(range.live) : `${clock(range.from)} – ${clock(range.to)}`;
  return (
    <div className="range" ref={box} role="group" aria-label="Time range">
      <button type="button" className="button" aria-label="Earlier" title="Earlier ([)" onClick={() => take(shifted(range, -1, Date.now()))}>
        <Icon name="back" size={14} />
      </button>
      <button type="button" className="button" ref={opener} aria-expanded={open} aria-haspopup="dialog" aria-label={`Time range: ${text}`} onClick={() => setOpen(!open)}>
        {text[0]!.toUpperCase() + text.slice(1)}
      </button>
      <button type="button" className="button" aria-label="Later" title="Later (])" disabled={"live" in range} onClick={() => take(shifted(range, 1, Date.now()))}>
        <Icon name="on" size={14} />
      </button>
      {open && <Choose range={range} take={take} />}
    </div>
  );
}

function Choose({range, take}: {range: Range; take: (range: Range) => void}) {
  const [from, to] = bounds(range, Date.now());
  const [begin, setBegin] = useState(local(from));
  const [end, setEnd] = useState(local(to));
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const wrong = !(Date.parse(end) > Date.parse(begin));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!wrong) take({from: Date.parse(begin), to: Date.parse(end)});
  };
  return (
    <div className="pop" role="dialog" aria-label="Choose a time range">
      <h2>Live</h2>
      <div className="choices">
        {kChoices.map((choice, at) => (
          <button key={choice} ref={at === 0 ? first : undefined} type="button" className="button" aria-pressed={"live" in range && range.live === choice} onClick={() => take({live: choice})}>
            <span className="unseen">last </span>
            {choice}
          </button>
        ))}
      </div>
      <h2>From one moment to another</h2>
      <form onSubmit={submit}>
        <label className="labelled">
          From
          <input className="field" type="datetime-local" step="1" value={begin} onChange={(event) => setBegin(event.target.value)} />
        </label>
        <label className="labelled">
          To
          <input className="field" type="datetime-local" step="1" value={end} onChange={(event) => setEnd(event.target.value)} />
        </label>
        {wrong && <p className="bad">The end has to be later than the beginning.</p>}
        <button className="button primary" disabled={wrong}>
          Show
        </button>
      </form>
    </div>
  );
}

// As datetime-local has it: this place's time, without a zone.
function local(ms: number): string {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
