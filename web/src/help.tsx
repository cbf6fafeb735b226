import {useEffect, useRef} from "react";

const kKeys: [string, [string, string][]][] = [
  ["Anywhere", [["g m", "map"], ["g t", "traces"], ["g s", "services"], ["g a", "access"], ["/", "to the search field"], ["d", "dark or light"], ["?", "this list"]]],
  ["Time", [["[", "earlier"], ["]", "later"], ["l", "live again"]]],
  ["Map", [["← ↑ ↓ →", "from place to place"], ["Enter", "open it"], ["+ −", "larger, smaller"], ["f", "fit"], ["Esc", "nothing chosen"]]],
  ["Lists and traces", [["j k", "next, previous"], ["Enter", "open it"], ["← →", "close, open what is below"], ["Esc", "close the details"]]],
];

export function Help({open, onClose}: {open: boolean; onClose: () => void}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="keys">
      <h1 id="keys">Keys</h1>
      <div className="keys">
        {kKeys.map(([where, keys]) => (
          <section key={where}>
            <h2>{where}</h2>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key} style={{display: "contents"}}>
                  <dt>
                    {key.split(" ").map((one) => (
                      <kbd key={one}>{one}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <form method="dialog">
        <button className="button">Close</button>
      </form>
    </dialog>
  );
}
