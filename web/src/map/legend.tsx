import type {Colouring} from "./looks";

const kSteps: Record<Colouring, [string, string][]> = {
  rate: [["little", "below 1/s"], ["some", "below 20/s"], ["accent", "more"]],
  errors: [["quiet", "no errors"], ["warn", "below 1 %"], ["warn-strong", "1 % and more"]],
  latency: [["quiet", "p99 below 10 ms"], ["accent", "below 100 ms"], ["warn", "below 1 s"], ["warn-strong", "1 s and more"]],
};

export function Legend({colouring, learns}: {colouring: Colouring; learns: boolean}) {
  return (
    <ul className="legend" aria-label="What the lines mean">
      {kSteps[colouring].map(([tone, text]) => (
        <li key={text}>
          <i className={`stroke ${tone}`} />
          {text}
        </li>
      ))}
      <li>
        <i className="stroke quiet dashed" />
        declared, unused
      </li>
      <li>
        <i className="stroke bad dashed" />
        tried and denied
      </li>
      {learns && (
        <li>
          <i className="stroke warn dotted" />
          used, not declared
        </li>
      )}
    </ul>
  );
}
