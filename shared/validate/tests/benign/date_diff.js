"use strict";

const DAY = 24 * 60 * 60 * 1000;

/** Whole days between two days. */
const daysBetween = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / DAY);

/** Such as "in 3 days". */
function relative(day, today = new Date().toISOString().slice(0, 10)) {
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  return format.format(daysBetween(today, day), "day");
}

const [, , day] = process.argv;
if (!day || Number.isNaN(Date.parse(day))) {
  console.error("usage: date_diff.js YYYY-MM-DD");
  process.exit(1);
}
console.log(relative(day));
