// Numbers that look drawn by chance and are the same for the same seed: whatever is asked twice is answered alike.

/** A generator of numbers in [0, 1) (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (n) => Math.floor(next() * n),
    pick: (list) => list[Math.floor(next() * list.length)],
    chance: (p) => next() < p,
    /** Around a median, now and then far above it. */
    around: (median, spread = 0.5) => median * Math.exp((next() + next() + next() - 1.5) * 2 * spread),
  };
}

/** One number in [0, 1) of a text and a number. */
export function hashed(text, n = 0) {
  let h = 2166136261 ^ n;
  for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 16777619);
  return generator(h).next();
}
