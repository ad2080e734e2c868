import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** SHA-256 of a file. */
export async function digest(file) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}

for (const file of process.argv.slice(2)) {
  digest(file).then(
    (sum) => console.log(`${sum}  ${file}`),
    (error) => console.error(`${file}: ${error.code}`),
  );
}
