const fs = require("fs");
const path = require("path");

/** Writes a report of what was counted. */
function writeReport(counts, target) {
  const lines = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `| ${name} | ${count} |`);
  const text = ["| name | count |", "| --- | --- |", ...lines, ""].join("\n");
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, text);
}

try {
  writeReport({ apples: 3, pears: 5 }, path.join("outputs", "fruit.md"));
} catch (error) {
  console.error(`cannot write the report: ${error.message}`);
  process.exitCode = 1;
}
