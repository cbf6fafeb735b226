'use strict';

const PAGE = 2000;

// The part of a long list that `?prefix=` and `?from=` ask for: up to 2000 entries of `map` whose key begins with the
// prefix, and where the next part begins, if there is one.
function page(map, query) {
  const prefix = query.get('prefix') || '';
  const from = Number(query.get('from') || 0);
  const entries = [];
  let position = 0;
  for (const [key, value] of map) {
    if (position++ < from || !key.startsWith(prefix)) continue;
    entries.push(value);
    if (entries.length === PAGE) break;
  }
  return { entries, next: position < map.size ? position : null };
}

module.exports = { page };
