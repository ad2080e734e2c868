/** Prints a tree of names. */
function* lines(tree, prefix = "") {
  const entries = Object.entries(tree);
  for (const [index, [name, inner]] of entries.entries()) {
    const last = index === entries.length - 1;
    yield `${prefix}${last ? "└── " : "├── "}${name}`;
    if (inner && typeof inner === "object") {
      yield* lines(inner, prefix + (last ? "    " : "│   "));
    }
  }
}

const tree = { skills: { "a.py": null, "b.py": null }, memory: { notes: { "x.md": null } } };
console.log([...lines(tree)].join("\n"));
