const readline = require("node:readline");

const wanted = new RegExp(process.argv[2] ?? ".", "iu");
const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
let shown = 0;

lines.on("line", (line) => {
  if (wanted.test(line)) {
    shown += 1;
    process.stdout.write(`${line}\n`);
  }
});
lines.on("close", () => {
  process.exitCode = shown > 0 ? 0 : 1;
});
