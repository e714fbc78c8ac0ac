// A graph from left to right: a column for each node behind all that it reads, and an order in each with few crossings.
// No page, no network: tests read this file too.

/** Gives each node, and each turn of a long edge, a place by `column` and `row`; edges as ways over places. */
export function layout(nodes, edges) {
  const place = new Map(nodes.map((node, i) => [node.id, i]));
  const pairs = edges.map(({ from, to }) => [place.get(from), place.get(to)]).filter(([a, b]) => a !== undefined && b !== undefined);
  const column = nodes.map(() => 0);
  // As many rounds as there are nodes end it, also where a circle should be there.
  for (let round = 0; round < nodes.length; round++) {
    let moved = false;
    for (const [a, b] of pairs) if (column[b] <= column[a] && column[a] + 1 < nodes.length) [column[b], moved] = [column[a] + 1, true];
    if (!moved) break;
  }
  // What reads nothing stands directly before what reads it.
  const isRead = new Set(pairs.map(([, b]) => b));
  nodes.forEach((_, i) => {
    const behind = pairs.filter(([a]) => a === i).map(([, b]) => column[b]);
    if (!isRead.has(i) && behind.length) column[i] = Math.max(0, Math.min(...behind) - 1);
  });
  // A long edge goes through a place of its own in each column between, so that it crosses no node.
  const all = nodes.map((node, i) => ({ node, column: column[i] }));
  const links = [];
  const ways = pairs.map(([a, b]) => {
    const way = [a];
    const next = (i) => (links.push([way[way.length - 1], i]), way.push(i));
    for (let at = column[a] + 1; at < column[b]; at++) next(all.push({ node: null, column: at }) - 1);
    next(b);
    return way;
  });
  const columns = [];
  all.forEach((one, i) => (columns[one.column] ||= []).push(i));
  const row = all.map(() => 0);
  const number = (list) => list.forEach((one, i) => (row[one] = i));
  for (let i = 0; i < columns.length; i++) number((columns[i] ||= []));
  // Rows of columns of different lengths are compared by how far down they are.
  const down = (i) => (row[i] + 0.5) / columns[all[i].column].length;
  const sort = (list, near) => {
    const middle = new Map(list.map((one) => {
      const places = near(one).map(down);
      return [one, places.length ? places.reduce((a, b) => a + b, 0) / places.length : down(one)];
    }));
    list.sort((a, b) => middle.get(a) - middle.get(b) || a - b);
    number(list);
  };
  for (let round = 0; round < 4; round++) {
    for (const list of columns) sort(list, (one) => links.filter(([, b]) => b === one).map(([a]) => a));
    for (const list of columns.slice().reverse()) sort(list, (one) => links.filter(([a]) => a === one).map(([, b]) => b));
  }
  return {
    places: all.map((one, i) => ({ ...one, row: row[i], of: columns[one.column].length })),
    ways,
    columns: columns.length,
    rows: Math.max(1, ...columns.map((list) => list.length)),
  };
}
