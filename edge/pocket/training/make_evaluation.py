"""Writes ../evaluation/held_out.json: requests whose wordings and names no
training sees, over workspaces of their own.

Usage: python make_evaluation.py
"""

import itertools
import json
import random
import re
from collections import Counter

from data import sample
from dialogues import Dialogue, Writer
from make_tokenizer import HERE, wordings
from names import Names
from tokenizer import Tokenizer
from wordings import Wordings

REQUESTS = 440
LEFT_OUT = {"absent_key", "qa_anywhere"}


def expansions(sequence: list) -> set[str]:
    """Every text that a template stands for."""
    parts = [[part] if isinstance(part, str)
             else sorted(set().union(*(expansions(option) for option in part)))
             for part in sequence]
    return {"".join(choice) for choice in itertools.product(*parts)}


def plain(text: str) -> str:
    """A wording without what people vary freely."""
    return re.sub(r"[^a-z{} ]", "", text.lower()).strip()


def without_trained(held_out: Wordings, trained: Wordings) -> None:
    """Drops what training has too, to the last alternative and word."""
    for kind, templates in held_out.templates.items():
        known = {plain(text) for template in trained.templates.get(kind, ())
                 for text in expansions(template)}
        held_out.templates[kind] = [
            [text] for template in templates
            for text in [sorted(t for t in expansions(template) if plain(t) not in known)]
            if text
        ]
        for template in held_out.templates[kind]:
            template[0] = tuple([text] for text in template[0])
    for section, entries in held_out.words.items():
        known = {entry.lower() for entry in trained.words.get(section, ())}
        held_out.words[section] = [entry for entry in entries if entry.lower() not in known]


def as_json(name: str, dialogue: Dialogue) -> tuple[dict, dict]:
    space = dialogue.space
    files = [{"path": path, "text": file.text, "modified": file.modified.strftime("%Y-%m-%dT%H:%M:%SZ")}
             for path, file in sorted(space.files.items())]
    calls = [{"name": tool, "arguments": arguments} for tool, arguments in dialogue.calls]
    return (
        {"files": files, "folders": sorted(space.folders)},
        {"workspace": name, "kind": dialogue.kind, "request": dialogue.request, "calls": calls,
         "slots": dialogue.slots},
    )


def write_tokens(rng: random.Random, writer: Writer) -> None:
    """Some dialogues with the tokens that training made of them: a test has
    the engine make the same."""
    tokenizer = Tokenizer.load(HERE / "merges.json")
    dialogues = []
    for kind in ("list_folder", "read", "search", "missing_file", "title", "compare_age",
                 "read_two", "refuse_no_tool", "qa_newest", "list_recursive"):
        dialogue = writer.sample(rng, kind)
        dialogues.append({
            "request": dialogue.request,
            "calls": [{"name": tool, "arguments": arguments} for tool, arguments in dialogue.calls],
            "results": dialogue.results,
            "answer": dialogue.answer,
            "tokens": sample(tokenizer, dialogue).tokens,
        })
    path = HERE.parent / "evaluation" / "tokens.json"
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in dialogues)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    rng = random.Random(20_261)
    held_out = Wordings([HERE.parent / "wordings" / "held_out.txt"])
    without_trained(held_out, wordings())
    writer = Writer(held_out, Names(held_out, 0.35))
    kinds = [kind for kind in writer.kinds if kind not in LEFT_OUT]
    weights = [writer.kinds[kind][1] * (2 if kind.startswith("refuse") else 1) for kind in kinds]
    workspaces, requests = {}, []
    for number in range(REQUESTS):
        # Every kind in turn first, so that none is missing.
        kind = kinds[number % len(kinds)] if number < 4 * len(kinds) else rng.choices(kinds, weights)[0]
        name = f"w{number}"
        dialogue = writer.sample(rng, kind)
        while kind == "search_read" and "file" not in dialogue.slots:
            dialogue = writer.sample(rng, kind)  # nothing found: `search` asks that
        workspaces[name], request = as_json(name, dialogue)
        requests.append(request)
    write_tokens(random.Random(3), writer)
    path = HERE.parent / "evaluation" / "held_out.json"
    lines = [f"  {json.dumps(name)}: {json.dumps(space, ensure_ascii=False)}"
             for name, space in workspaces.items()]
    asked = [f"  {json.dumps(request, ensure_ascii=False)}" for request in requests]
    path.write_text('{"workspaces": {\n' + ",\n".join(lines) + '\n}, "requests": [\n'
                    + ",\n".join(asked) + "\n]}\n", encoding="utf-8")
    print(path, path.stat().st_size, "bytes", Counter(request["kind"] for request in requests))


if __name__ == "__main__":
    main()
