// Dark or light: the system's, until one is chosen here.
import {useSyncExternalStore} from "react";

export type Theme = "dark" | "light";
const kSystem = window.matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<() => void>();

function theme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "dark" || chosen === "light") return chosen;
  return kSystem.matches ? "dark" : "light";
}

export function switchTheme(): void {
  const next: Theme = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // storage is refused: until the page is left
  }
  for (const watcher of watchers) watcher();
}

export function useTheme(): Theme {
  return useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    kSystem.addEventListener("change", watcher);
    return () => {
      watchers.delete(watcher);
      kSystem.removeEventListener("change", watcher);
    };
  }, theme);
}
