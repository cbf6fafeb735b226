// Where values stand that no line leads to or from: drawn as lines they would not be seen.
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const found = [];
  for (let at = 0; at < values.length; ++at) if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  return found;
}
