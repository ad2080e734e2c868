import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

/** The first heading of each note. */
async function titles(folder) {
  const names = await readdir(folder);
  const notes = names.filter((name) => name.endsWith(".md"));
  return Promise.all(
    notes.map(async (name) => {
      try {
        const text = await readFile(path.join(folder, name), "utf8");
        const match = /^# (.+)$/m.exec(text);
        return { name, title: match ? match[1] : null };
      } catch (error) {
        return { name, title: null, error: error.message };
      }
    }),
  );
}

console.table(await titles("memory"));
