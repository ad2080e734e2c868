/** Groups records by a key, and sums their amounts. */
export function groupBy(records, key) {
  const groups = new Map();
  for (const record of records) {
    const name = record[key] ?? "none";
    const group = groups.get(name) ?? { count: 0, total: 0 };
    group.count += 1;
    group.total += Number(record.amount) || 0;
    groups.set(name, group);
  }
  return [...groups.entries()].sort(([a], [b]) => a.localeCompare(b));
}
