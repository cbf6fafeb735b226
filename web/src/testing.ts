// For tests only: the mock's estates, typed.
// @ts-expect-error the mock is plain JavaScript
import {estate} from "../mock/estate.mjs";
import type {Application} from "./api/types";

export function application(size: number): Application {
  return (estate as (size: number, seed: number, now: number) => Application)(size, 1, 1_790_000_000_000);
}
