// Keys that do something wherever the focus is, except while something is typed. Listed in help.tsx.
import {useEffect, useRef} from "react";

export type Shortcuts = Record<string, () => void>;

/// `g m` is a chord: g, and m within a second.
export function useShortcuts(shortcuts: Shortcuts): void {
  const held = useRef(shortcuts);
  held.current = shortcuts;
  useEffect(() => {
    let before = "";
    let until = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.closest("input:not([type=radio], [type=checkbox]), select, textarea, dialog")) return;
      const chord = before && event.timeStamp < until ? `${before} ${event.key}` : "";
      const action = held.current[chord] ?? held.current[event.key];
      before = event.key;
      until = event.timeStamp + 1000;
      if (!action) return;
      event.preventDefault();
      before = "";
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
