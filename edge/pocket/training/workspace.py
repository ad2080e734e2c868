"""A small workspace in memory, and what the tools answer about it.

The answers are what `shared/tools` gives, key for key: the evaluation runs
the real tools, and shows where these here depart.
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from names import Names

EPOCH = datetime(2021, 1, 1, tzinfo=UTC)


@dataclass
class File:
    text: str
    modified: datetime

    @property
    def size(self) -> int:
        return len(self.text.encode())

    @property
    def shown_time(self) -> str:
        return self.modified.strftime("%Y-%m-%dT%H:%MZ")


@dataclass
class Workspace:
    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def add(self, path: str, file: File) -> None:
        self.files[path] = file
        self.add_folder(parent(path))

    def add_folder(self, path: str) -> None:
        while path:
            self.folders.add(path)
            path = parent(path)

    def taken(self, path: str) -> bool:
        lower = path.lower()
        return any(lower == other.lower() for other in (*self.files, *self.folders))

    def files_in(self, folder: str) -> list[str]:
        return sorted(path for path in self.files if parent(path) == folder)

    def folders_in(self, folder: str) -> list[str]:
        return sorted(path for path in self.folders if parent(path) == folder)


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def moment(rng: random.Random) -> datetime:
    """A time of change, to the minute."""
    return EPOCH + timedelta(minutes=rng.randint(0, 6 * 365 * 24 * 60))


def near(rng: random.Random, other: datetime) -> datetime:
    """A different time: the first place in which it differs is any, year to minute."""
    while True:
        time = moment(rng)
        keep = rng.randint(0, 4)
        fields = dict(zip(("year", "month", "day", "hour")[:keep], other.timetuple()))
        try:
            time = time.replace(**fields)
        except ValueError:  # no such day in this month
            continue
        if time != other:
            return time


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def error(code: str, message: str) -> str:
    return to_json({"error": code, "message": message})


def not_found(path: str) -> str:
    return error("not_found", f"`{path}` does not exist: list its folder to see what does")


SORTS = {
    "newest": lambda file: -file.modified.timestamp(),
    "oldest": lambda file: file.modified.timestamp(),
    "largest": lambda file: -file.size,
    "smallest": lambda file: file.size,
}


def file_list(space: Workspace, path: str = "", recursive: bool = False, glob: str = "",
              sort: str = "name", limit: int = 200) -> str:
    if path in space.files:
        return error("not_a_directory",
                     f"`{path}` is not a folder: give the path of the folder that holds it")
    if path and path not in space.folders:
        return not_found(path)
    if recursive:
        inside = lambda other: path == "" or other.startswith(path + "/")
        files = sorted(filter(inside, space.files))
        folders = sorted(filter(inside, space.folders))
    else:
        files, folders = space.files_in(path), space.folders_in(path)
    if glob:
        files = [file for file in files if file.endswith(glob.removeprefix("*"))]
        folders = []
    if sort == "name":
        # A walk goes down into a folder before it goes on.
        order = sorted([*files, *folders], key=lambda entry: entry.split("/"))
    else:
        order = sorted(files, key=lambda file: (SORTS[sort](space.files[file]), file)) + folders
    entries = []
    for entry in order[:limit]:
        if entry in space.files:
            file = space.files[entry]
            entries.append({"path": entry, "type": "file", "size": file.size,
                            "modified": file.shown_time})
        else:
            entries.append({"path": entry, "type": "folder"})
    return to_json({"path": path or ".", "entries": entries, "files": len(files),
                    "folders": len(folders), "truncated": len(order) > limit})


def file_read(space: Workspace, path: str, offset_line: int = 1, max_lines: int = 1000) -> str:
    if path in space.folders:
        return error("is_a_directory", f"`{path}` is a folder: give the path of a file in it")
    if path not in space.files:
        return not_found(path)
    lines = space.files[path].text.splitlines(keepends=True)
    shown = lines[offset_line - 1:offset_line - 1 + max_lines]
    last = offset_line + len(shown) - 1
    result: dict = {"path": path, "content": "".join(shown), "first_line": offset_line,
                    "last_line": last, "truncated": last < len(lines)}
    if last < len(lines):
        result["next"] = f"file_read with offset_line {last + 1}"
    else:
        result["total_lines"] = last
    return to_json(result)


def file_search(space: Workspace, pattern: str, path: str = "") -> str:
    if path and path not in space.folders and path not in space.files:
        return not_found(path)
    inside = [file for file in space.files
              if path in ("", file) or file.startswith(path + "/")]
    inside.sort(key=lambda file: file.split("/"))
    matches = [
        {"path": file, "line": number, "text": line}
        for file in inside
        for number, line in enumerate(space.files[file].text.splitlines(), 1)
        if pattern.lower() in line.lower()
    ]
    return to_json({"matches": matches, "matching_lines": len(matches),
                    "matching_files": len({match["path"] for match in matches}),
                    "files_searched": len(inside), "truncated": False})


def metadata_extract(space: Workspace, path: str) -> str:
    if path in space.folders:
        return error("is_a_directory", f"`{path}` is a folder: give the path of a file in it")
    if path not in space.files:
        return not_found(path)
    file = space.files[path]
    result: dict = {"path": path, "type": "text", "size": file.size,
                    "modified": file.shown_time, "lines": len(file.text.splitlines()),
                    "words": len(file.text.split())}
    heading = title(file.text) if path.endswith((".md", ".markdown")) else None
    if heading:
        result["title"] = heading
    return to_json(result)


def title(text: str) -> str | None:
    """The first heading of a Markdown text."""
    for line in text.splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return None


TOOLS = {tool.__name__: tool for tool in (file_list, file_read, file_search, metadata_extract)}


def statement(rng: random.Random, key: str, value: str, style: str) -> str:
    """A line that says what a detail is."""
    if style == "sentence":
        return rng.choice(("The {key} is {value}.", "Our {key} is {value}.", "{Key} is {value}.",
                           "The {key} will be {value}.", "The {key} was {value}.",
                           "Note that the {key} is {value}.", "We agreed that the {key} is {value}.",
                           )).format(key=key, Key=key.capitalize(), value=value)
    patterns = {"colon": "{Key}: {value}", "lower": "{key}: {value}", "list": "- {Key}: {value}",
                "star": "* {Key}: {value}", "equals": "{snake} = {value}", "upper": "{UPPER}={value}",
                "json": '  "{snake}": "{value}",', "table": "| {Key} | {value} |",
                "bold": "**{Key}**: {value}", "csv": "{key},{value}", "dash": "{Key} - {value}"}
    snake = key.replace(" ", "_")
    return patterns[style].format(key=key, Key=key.capitalize(), snake=snake, UPPER=snake.upper(),
                                  value=value)


STYLES = ("colon", "colon", "colon", "lower", "list", "star", "equals", "upper", "json", "table",
          "bold", "csv", "dash", "sentence", "sentence", "sentence")
GROUPS = ("what", "who", "when", "amount", "where")


def details(rng: random.Random, names: Names, key: str | None = None, value: str | None = None,
            ) -> list[str]:
    """Lines of details, one of them the given, no two with the same name."""
    count = rng.choices((1, 2, 3, 4, 5, 6, 7, 8, 10, 12), (6, 12, 20, 20, 16, 10, 8, 8, 4, 4))[0]
    facts = [] if key is None or value is None else [(key, value)]
    words = set() if key is None else set(key.split())
    for _ in range(count - len(facts)):
        group = rng.choice(GROUPS)
        other = names.key(rng, group)
        if not words & set(other.split()):
            words |= set(other.split())
            facts.append((other, names.value(rng, group)))
    rng.shuffle(facts)
    layout = rng.random()
    if layout < 0.12:
        return wide_lines(rng, facts)
    if layout < 0.2:
        return paragraphs(rng, names, facts)
    style = rng.choice(STYLES)
    return [statement(rng, name, of, style) for name, of in facts]


def wide_lines(rng: random.Random, facts: list[tuple[str, str]]) -> list[str]:
    """Lines of which each says several things."""
    bullet = rng.choice(("- ", "* ", "", "", "> "))
    between, within = rng.choice(((", ", " "), (", ", " "), ("; ", " "), (", ", ": "), ("; ", ": "),
                                  (" | ", ": "), (". ", " "), (" / ", " ")))
    first = rng.choice((": ", ": ", within))
    lines, rest = [], list(facts)
    while rest:
        number = rng.choice((1, 2, 2, 3))
        (name, value), *others = rest[:number]
        del rest[:number]
        parts = [f"{name.capitalize()}{first}{value}", *(f"{k}{within}{v}" for k, v in others)]
        lines.append(bullet + between.join(parts))
    return lines


def paragraphs(rng: random.Random, names: Names, facts: list[tuple[str, str]]) -> list[str]:
    """Prose in which details stand between other sentences."""
    sentences = [statement(rng, name, value, "sentence") for name, value in facts]
    for _ in range(rng.randint(0, 3)):
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(names.lists["prose"]))
    number = rng.randint(1, 3)
    parts = [sentences[at::number] for at in range(number)]
    return [" ".join(part) for part in parts if part]


def prose_line(rng: random.Random, names: Names) -> str:
    if rng.random() < 0.6:
        return rng.choice(names.lists["prose"])
    words = [names.word(rng) for _ in range(rng.randint(3, 9))]
    return " ".join(words).capitalize() + rng.choice((".", ".", "", "!"))


def rows(rng: random.Random, names: Names) -> list[str]:
    """A small table, or a list of things to do."""
    count = rng.randint(2, 9)
    if rng.random() < 0.4:
        return [f"- [{rng.choice(' x')}] {prose_line(rng, names)}" for _ in range(count)]
    groups = [rng.choice(GROUPS) for _ in range(rng.randint(2, 4))]
    between = rng.choice((",", ",", ";", "\t", " | "))
    table = [[names.key(rng, group) for group in groups]]
    table += [[names.value(rng, group) for group in groups] for _ in range(count)]
    return [between.join(row) for row in table]


def text_of(lines: list[str], rng: random.Random) -> str:
    return "\n".join(lines) + ("\n" if rng.random() < 0.8 else "")


def some_text(rng: random.Random, names: Names, short: bool = False) -> str:
    """The text of a file that nobody asks about in particular."""
    chance = rng.random()
    if chance < 0.03:
        return ""
    lines: list[str] = []
    if rng.random() < 0.3:
        lines.append("# " + heading(rng, names))
    if chance < 0.4:
        lines += [prose_line(rng, names) for _ in range(rng.randint(1, 2 if short else 8))]
    elif chance < 0.45 and not short:
        lines += [" ".join(prose_line(rng, names) for _ in range(rng.randint(2, 4)))
                  for _ in range(rng.randint(1, 3))]
    elif chance < 0.5 and not short:
        lines += rows(rng, names)
    elif not short:
        lines += details(rng, names)
    else:
        lines += details(rng, names)[:2]
    if len(lines) > 2 and rng.random() < 0.2:
        lines.insert(1, "")
    return text_of(lines, rng)


def heading(rng: random.Random, names: Names) -> str:
    words = [names.word(rng) for _ in range(rng.randint(1, 4))]
    return " ".join(words).capitalize() if rng.random() < 0.6 else " ".join(words).title()
