// What is declared and runs: asked for once by the shell, again when the collector says that it changed, and shared by all views.
import {createContext, useContext} from "react";
import type {Answer} from "./answer";
import type {Application} from "./types";

export const ApplicationContext = createContext<Answer<Application> | null>(null);

export function useApplication(): Answer<Application> {
  const answer = useContext(ApplicationContext);
  if (!answer) throw new Error("useApplication is used outside the shell");
  return answer;
}
