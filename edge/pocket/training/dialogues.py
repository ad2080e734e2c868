"""Dialogues: a request, the tool calls that serve it, their results, the answer.

Each kind of request is a function that builds a workspace in which the
request makes sense, and returns the dialogue with what is known of its truth.
"""

import json
import random
import re
from dataclasses import dataclass, field

import names as naming
import workspace as ws
from names import Names
from wordings import Wordings, fill
from workspace import File, Workspace

TOOLS = ("file_list", "file_read", "file_search", "metadata_extract")
REFUSE_TOOL = ("I cannot do that: I can only list, read, search and describe the files of this "
               "workspace.")
REFUSE_OUTSIDE = "I cannot look there: I only see the files of this workspace."
REFUSE_TOPIC = "I cannot help with that: I only answer questions about the files of this workspace."


@dataclass
class Dialogue:
    kind: str
    request: str
    calls: list[tuple[str, dict]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    answer: str = ""
    slots: dict[str, object] = field(default_factory=dict)
    space: Workspace = field(default_factory=Workspace)
    tools: tuple[str, ...] = TOOLS


class Writer:
    """Makes dialogues."""

    def __init__(self, wordings: Wordings, names: Names) -> None:
        self.wordings = wordings
        self.names = names
        self.kinds = {
            "list_folder": (self.list_folder, 5), "list_root": (self.list_root, 3),
            "list_recursive": (self.list_recursive, 4), "list_type": (self.list_type, 4),
            "read": (self.read, 7), "read_head": (self.read_head, 3),
            "search": (self.search, 7), "search_in": (self.search_in, 5),
            "search_count": (self.search_count, 3),
            "size": (self.metadata, 3), "modified": (self.metadata, 3),
            "lines": (self.metadata, 2), "words": (self.metadata, 2), "title": (self.metadata, 2),
            "count": (self.count, 4), "count_root": (self.count, 2),
            "count_type": (self.count_type, 3), "count_folders": (self.count, 2),
            "compare_size": (self.compare, 4), "compare_age": (self.compare, 4),
            "newest": (self.extreme, 4), "oldest": (self.extreme, 3),
            "largest": (self.extreme, 3), "smallest": (self.extreme, 2),
            "qa_what": (self.qa, 6), "qa_who": (self.qa, 3), "qa_when": (self.qa, 3),
            "qa_amount": (self.qa, 3), "qa_where": (self.qa, 2),
            "read_newest": (self.read_newest, 4), "qa_newest": (self.qa_newest, 3),
            "search_read": (self.search_read, 4), "qa_search": (self.qa_search, 3),
            "read_two": (self.read_two, 3),
            "missing_file": (self.missing_file, 5), "missing_folder": (self.missing_folder, 3),
            "absent_key": (self.absent_key, 2), "qa_anywhere": (self.qa_anywhere, 3),
            "refuse_outside": (self.refuse, 6), "refuse_no_tool": (self.refuse, 9),
            "refuse_offtopic": (self.refuse, 6),
        }

    def sample(self, rng: random.Random, kind: str | None = None) -> Dialogue:
        if kind is None:
            kinds = list(self.kinds)
            kind = rng.choices(kinds, [self.kinds[name][1] for name in kinds])[0]
        return self.kinds[kind][0](rng, kind)

    # -- the parts of a request -------------------------------------------------

    def request(self, rng: random.Random, kind: str, **slots: str) -> str:
        """A wording with its slots filled in."""
        template = self.wordings.sample(rng, kind)
        for slot, value in slots.items():
            if slot.startswith("file"):
                slots[slot] = self.shown_file(rng, value)
            elif slot == "folder" and value == "":
                slots[slot] = rng.choice(("the workspace", "this workspace", "the root folder",
                                          "the workspace", "the top level", "my workspace"))
            elif slot == "folder":
                slots[slot] = value + ("/" if rng.random() < 0.06 else "")
        return decorate(rng, template, slots)

    def shown_file(self, rng: random.Random, path: str) -> str:
        """A path as people write it."""
        folder, _, name = path.rpartition("/")
        if folder and rng.random() < 0.08:
            way = rng.choice(("{name} in {folder}", "{name} from {folder}",
                              "{name} in the folder {folder}", "{name} in the {folder} folder",
                              "{name} under {folder}", "{name} inside {folder}"))
            return way.format(name=name, folder=folder)
        if rng.random() < 0.02:
            return "./" + path
        if " " in path and rng.random() < 0.6:
            return rng.choice(('"{}"', "'{}'")).format(path)
        return path

    def path(self, rng: random.Random, space: Workspace, folder: str | None = None,
             ending: str | None = None, text: bool = True) -> str:
        """A path that is still free."""
        while True:
            place = folder
            if place is None:
                place = self.names.folder(rng) if rng.random() < 0.62 else ""
            name = self.names.file(rng, text, ending)
            path = f"{place}/{name}" if place else name
            if not space.taken(path):
                return path

    def folder(self, rng: random.Random, root: float = 0.08) -> str:
        return "" if rng.random() < root else self.names.folder(rng)

    def file(self, rng: random.Random, text: str | None = None) -> File:
        if text is None:
            text = ws.some_text(rng, self.names, short=True)
        return File(text, ws.moment(rng))

    def filled(self, rng: random.Random, folder: str, count: int | None = None,
               text: bool = False) -> Workspace:
        """A workspace with some files in a folder."""
        space = Workspace()
        space.add_folder(folder)
        if count is None:
            count = rng.choices(range(1, 11), (8, 14, 16, 16, 12, 10, 8, 6, 5, 5))[0]
        for _ in range(count):
            ending = None
            if space.files and rng.random() < 0.4:
                ending = rng.choice(list(space.files)).rpartition(".")[2]
                if "/" in ending or len(ending) > 5 or not ending:
                    ending = None
            space.add(self.path(rng, space, folder, ending, text=text), self.file(rng))
        if rng.random() < 0.4:
            for _ in range(rng.choice((1, 1, 2, 3))):
                inner = self.names.folder(rng).split("/")[0]
                path = f"{folder}/{inner}" if folder else inner
                if not space.taken(path):
                    space.add_folder(path)
                    if rng.random() < 0.7:
                        space.add(self.path(rng, space, path), self.file(rng))
        return space

    def beside(self, rng: random.Random, space: Workspace, count: int | None = None) -> None:
        """Adds files that the request is not about."""
        for _ in range(rng.choice((0, 1, 2, 3)) if count is None else count):
            space.add(self.path(rng, space), self.file(rng))

    def call(self, dialogue: Dialogue, tool: str, **arguments: object) -> None:
        """Makes a call, and has it answered."""
        arguments = {name: value for name, value in arguments.items() if value not in ("", None)}
        dialogue.calls.append((tool, arguments))
        dialogue.results.append(ws.TOOLS[tool](dialogue.space, **arguments))

    # -- listing ----------------------------------------------------------------

    def list_folder(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng, root=0.03)
        empty = folder != "" and rng.random() < 0.1
        space = Workspace() if empty else self.filled(rng, folder)
        space.add_folder(folder)
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder), space=space,
                            slots={"folder": folder})
        self.call(dialogue, "file_list", path=folder)
        dialogue.answer = listing(space, folder)
        return dialogue

    def list_root(self, rng: random.Random, kind: str) -> Dialogue:
        space = self.filled(rng, "")
        dialogue = Dialogue(kind, self.request(rng, kind), space=space)
        self.call(dialogue, "file_list")
        dialogue.answer = listing(space, "")
        return dialogue

    def list_recursive(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng)
        space = self.filled(rng, folder, rng.randint(0, 4))
        for _ in range(rng.randint(1, 2)):
            inner = self.names.folder(rng).split("/")[0]
            path = f"{folder}/{inner}" if folder else inner
            for _ in range(rng.randint(1, 3)):
                if path not in space.files:
                    space.add(self.path(rng, space, path), self.file(rng))
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder), space=space,
                            slots={"folder": folder})
        self.call(dialogue, "file_list", path=folder, recursive=True)
        inside = [path for path in space.files if folder == "" or path.startswith(folder + "/")]
        inside.sort(key=lambda path: path.split("/"))
        dialogue.answer = f"{place(folder)} holds, at all levels: {', '.join(inside)}."
        return dialogue

    def typed(self, rng: random.Random) -> tuple[Workspace, str, str, list[str]]:
        """A folder with files of a type, and the type's ending."""
        ending = rng.choice(list(naming.TYPES))
        folder = self.folder(rng)
        space = self.filled(rng, folder, rng.randint(0, 4))
        for _ in range(rng.choice((0, 1, 2, 3, 4, 5))):
            space.add(self.path(rng, space, folder, ending), self.file(rng))
        found = [path for path in space.files_in(folder) if path.endswith("." + ending)]
        return space, folder, ending, found

    def list_type(self, rng: random.Random, kind: str) -> Dialogue:
        space, folder, ending, found = self.typed(rng)
        shown = rng.choice(naming.TYPES[ending])
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder, type=shown), space=space,
                            slots={"folder": folder, "ext": ending})
        self.call(dialogue, "file_list", path=folder, glob=f"*.{ending}")
        where = place(folder)
        dialogue.answer = (f"The *.{ending} files in {where} are: {', '.join(base(path) for path in found)}." if found
                           else f"There are no *.{ending} files in {where}.")
        return dialogue

    # -- counting ---------------------------------------------------------------

    def count(self, rng: random.Random, kind: str) -> Dialogue:
        folder = "" if kind == "count_root" else self.folder(rng)
        space = self.filled(rng, folder, rng.randint(0, 9))
        slots = {} if kind == "count_root" else {"folder": folder}
        if kind == "count_folders":
            for _ in range(rng.randint(0, 3)):
                inner = self.names.folder(rng).split("/")[0]
                path = f"{folder}/{inner}" if folder else inner
                if not space.taken(path):
                    space.add_folder(path)
        dialogue = Dialogue(kind, self.request(rng, kind, **slots), space=space, slots=dict(slots))
        self.call(dialogue, "file_list", path=folder)
        if kind == "count_folders":
            dialogue.answer = amount(len(space.folders_in(folder)), "folder", place(folder))
        else:
            dialogue.answer = amount(len(space.files_in(folder)), "file", place(folder))
        return dialogue

    def count_type(self, rng: random.Random, kind: str) -> Dialogue:
        space, folder, ending, found = self.typed(rng)
        shown = rng.choice(naming.TYPES[ending])
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder, type=shown), space=space,
                            slots={"folder": folder, "ext": ending})
        self.call(dialogue, "file_list", path=folder, glob=f"*.{ending}")
        dialogue.answer = amount(len(found), f"*.{ending} file", place(folder))
        return dialogue

    def extreme(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng, root=0.12)
        while True:
            space = self.filled(rng, folder, rng.randint(1, 8))
            files = space.files_in(folder)
            if len({ws.SORTS[kind](space.files[path]) for path in files}) == len(files):
                break
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder), space=space,
                            slots={"folder": folder})
        self.call(dialogue, "file_list", path=folder, sort=kind, limit=1)
        best = min(files, key=lambda path: ws.SORTS[kind](space.files[path]))
        dialogue.answer = f"The {kind} file in {place(folder)} is {best}."
        return dialogue

    # -- reading ----------------------------------------------------------------

    def read(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path = self.path(rng, space)
        space.add(path, self.file(rng, ws.some_text(rng, self.names)))
        self.beside(rng, space)
        dialogue = Dialogue(kind, self.request(rng, kind, file=path), space=space,
                            slots={"file": path})
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = content(space, path)
        return dialogue

    def read_head(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path = self.path(rng, space)
        lines = [ws.prose_line(rng, self.names) for _ in range(rng.randint(2, 9))]
        space.add(path, self.file(rng, ws.text_of(lines, rng)))
        count = rng.randint(1, 12) if rng.random() < 0.85 else rng.randint(1, 100)
        words = "one two three four five six seven eight nine ten eleven twelve".split()
        shown = words[count - 1] if count <= 12 and rng.random() < 0.2 else str(count)
        dialogue = Dialogue(kind, self.request(rng, kind, file=path, n=shown), space=space,
                            slots={"file": path, "n": count})
        self.call(dialogue, "file_read", path=path, max_lines=count)
        dialogue.answer = "\n".join(lines[:count])
        return dialogue

    def read_two(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        first = self.path(rng, space)
        space.add(first, self.file(rng))
        again = ws.parent(first) if rng.random() < 0.5 else None
        second = self.path(rng, space, again)
        space.add(second, self.file(rng))
        dialogue = Dialogue(kind, self.request(rng, kind, file=first, file2=second), space=space,
                            slots={"file": first, "file2": second})
        self.call(dialogue, "file_read", path=first)
        self.call(dialogue, "file_read", path=second)
        dialogue.answer = f"{first}:\n{content(space, first)}\n\n{second}:\n{content(space, second)}"
        return dialogue

    def read_newest(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng)
        space = self.filled(rng, folder, rng.randint(1, 5), text=True)
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder), space=space,
                            slots={"folder": folder})
        self.call(dialogue, "file_list", path=folder, sort="newest", limit=1)
        newest = min(space.files_in(folder), key=lambda path: ws.SORTS["newest"](space.files[path]))
        self.call(dialogue, "file_read", path=newest)
        dialogue.answer = f"{newest}:\n{content(space, newest)}"
        return dialogue

    # -- searching --------------------------------------------------------------

    def hidden(self, rng: random.Random, folder: str | None, hits: int) -> tuple[Workspace, str]:
        """A workspace in which a word stands in some files, and the word."""
        space = Workspace()
        word = self.names.search_word(rng)
        for _ in range(hits):
            lines = [ws.prose_line(rng, self.names) for _ in range(rng.randint(0, 3))]
            for _ in range(rng.choice((1, 1, 1, 2))):
                parts = ws.prose_line(rng, self.names).split()
                parts.insert(rng.randint(0, len(parts)), word)
                lines.insert(rng.randint(0, len(lines)), " ".join(parts))
            inner = folder if rng.random() < 0.7 or folder is None else f"{folder}/{self.names.folder(rng)}"
            path = self.path(rng, space, inner)
            if ws.parent(path) not in space.files:
                space.add(path, self.file(rng, ws.text_of(lines, rng)))
        for _ in range(rng.randint(0, 3)):
            file = self.file(rng)
            if word.lower() not in file.text.lower():
                space.add(self.path(rng, space, folder if rng.random() < 0.5 else None), file)
        if folder:
            space.add_folder(folder)
        return space, word

    def search(self, rng: random.Random, kind: str) -> Dialogue:
        hits = rng.choices((0, 1, 2, 3, 4), (15, 30, 30, 15, 10))[0]
        space, word = self.hidden(rng, None, hits)
        dialogue = Dialogue(kind, self.request(rng, kind, word=word), space=space,
                            slots={"word": word})
        self.call(dialogue, "file_search", pattern=word)
        dialogue.answer = found(dialogue.results[-1], word, "")
        return dialogue

    def search_in(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng, root=0)
        hits = rng.choices((0, 1, 2, 3, 4), (15, 30, 30, 15, 10))[0]
        space, word = self.hidden(rng, folder, hits)
        dialogue = Dialogue(kind, self.request(rng, kind, word=word, folder=folder), space=space,
                            slots={"word": word, "folder": folder})
        self.call(dialogue, "file_search", pattern=word, path=folder)
        dialogue.answer = found(dialogue.results[-1], word, folder)
        return dialogue

    def search_count(self, rng: random.Random, kind: str) -> Dialogue:
        space, word = self.hidden(rng, None, rng.choices((0, 1, 2, 3, 4), (1, 3, 3, 3, 2))[0])
        dialogue = Dialogue(kind, self.request(rng, kind, word=word), space=space,
                            slots={"word": word})
        self.call(dialogue, "file_search", pattern=word)
        count = dialogue.results[-1].count('"line":')
        dialogue.answer = (f"No line mentions \"{word}\"." if count == 0 else
                           f"{count} line{'' if count == 1 else 's'} mention{'s' if count == 1 else ''} \"{word}\".")
        return dialogue

    def search_read(self, rng: random.Random, kind: str) -> Dialogue:
        hits = 0 if rng.random() < 0.08 else 1
        space, word = self.hidden(rng, None, hits)
        dialogue = Dialogue(kind, self.request(rng, kind, word=word), space=space,
                            slots={"word": word})
        self.call(dialogue, "file_search", pattern=word)
        if hits == 0:
            dialogue.answer = found(dialogue.results[-1], word, "")
            return dialogue
        path = next(path for path in space.files if word.lower() in space.files[path].text.lower())
        dialogue.slots["file"] = path
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = f"{path}:\n{content(space, path)}"
        return dialogue

    # -- describing -------------------------------------------------------------

    def metadata(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        ending = "md" if kind == "title" else None
        path = self.path(rng, space, ending=ending)
        text = ws.some_text(rng, self.names, short=rng.random() < 0.5)
        name = ws.heading(rng, self.names)
        if kind == "title":
            text = f"# {name}\n{text}" if rng.random() < 0.9 else text
        space.add(path, self.file(rng, text))
        dialogue = Dialogue(kind, self.request(rng, kind, file=path), space=space,
                            slots={"file": path})
        self.call(dialogue, "metadata_extract", path=path)
        file = space.files[path]
        date, _, clock = file.shown_time.rstrip("Z").partition("T")
        heading = ws.title(text)
        dialogue.answer = {
            "size": f"{path} has {file.size} bytes.",
            "modified": f"{path} was last changed on {date} at {clock} UTC.",
            "lines": f"{path} has {plural(len(text.splitlines()), 'line')}.",
            "words": f"{path} has {plural(len(text.split()), 'word')}.",
            "title": f'The title of {path} is "{heading}".' if heading else f"{path} has no title.",
        }[kind]
        return dialogue

    def compare(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        first = self.path(rng, space)
        space.add(first, self.file(rng))
        again = ws.parent(first) if rng.random() < 0.5 else None
        second = self.path(rng, space, again)
        space.add(second, self.file(rng))
        one, two = space.files[first], space.files[second]
        if kind == "compare_size":
            while one.size == two.size:
                two.text = ws.some_text(rng, self.names)
            winner = f"the first, {first}," if one.size > two.size else f"the second, {second},"
            answer = f"{one.size} against {two.size} bytes: {winner} is larger."
        else:
            if rng.random() < 0.4:
                two.modified = one.modified.replace(day=rng.randint(1, 28), hour=rng.randint(0, 23))
            while one.modified == two.modified:
                two.modified = ws.moment(rng)
            winner = f"the first, {first}," if one.modified > two.modified else f"the second, {second},"
            answer = (f"{one.shown_time} against {two.shown_time}: {winner} was changed more "
                      "recently.")
        dialogue = Dialogue(kind, self.request(rng, kind, file=first, file2=second), space=space,
                            slots={"file": first, "file2": second}, answer=answer)
        self.call(dialogue, "metadata_extract", path=first)
        self.call(dialogue, "metadata_extract", path=second)
        return dialogue

    # -- answers from contents --------------------------------------------------

    def detail_file(self, rng: random.Random, space: Workspace, path: str, group: str,
                    needle: str = "") -> tuple[str, str]:
        """Adds a file with details. Returns a detail's name and value."""
        key, value = self.names.key(rng, group), self.names.value(rng, group)
        lines = ws.details(rng, self.names, key, value)
        if rng.random() < 0.35:
            extra = ws.prose_line(rng, self.names)
            if key.split()[-1].lower() not in extra.lower():
                lines.insert(rng.choice((0, len(lines))), extra)
        if needle:
            parts = ws.prose_line(rng, self.names).split()
            parts.insert(rng.randint(0, len(parts)), needle)
            lines.insert(rng.choice((0, len(lines))), " ".join(parts))
        if rng.random() < 0.3:
            lines.insert(0, "# " + ws.heading(rng, self.names))
        space.add(path, self.file(rng, ws.text_of(lines, rng)))
        return key, value

    def qa(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path = self.path(rng, space)
        key, value = self.detail_file(rng, space, path, kind.removeprefix("qa_"))
        dialogue = Dialogue(kind, self.request(rng, kind, file=path, key=key), space=space,
                            slots={"file": path, "key": key, "value": value})
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = f"The {key} is {value}."
        return dialogue

    def absent_key(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path = self.path(rng, space)
        self.detail_file(rng, space, path, rng.choice(ws.GROUPS))
        text = space.files[path].text.lower().replace("_", " ")
        while True:
            group = rng.choice(ws.GROUPS)
            key = self.names.key(rng, group)
            if not any(word in text for word in key.lower().split()):
                break
        request = self.request(rng, f"qa_{group}", file=path, key=key)
        dialogue = Dialogue(kind, request, space=space, slots={"file": path, "key": key})
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = f"{path} does not say."
        return dialogue

    def qa_newest(self, rng: random.Random, kind: str) -> Dialogue:
        folder = self.folder(rng)
        space = self.filled(rng, folder, rng.randint(0, 3), text=True)
        path = self.path(rng, space, folder)
        key, value = self.detail_file(rng, space, path, rng.choice(ws.GROUPS))
        latest = max(file.modified for file in space.files.values())
        space.files[path].modified = latest + ws.timedelta(minutes=rng.randint(1, 99999))
        dialogue = Dialogue(kind, self.request(rng, kind, folder=folder, key=key), space=space,
                            slots={"folder": folder, "key": key, "value": value})
        self.call(dialogue, "file_list", path=folder, sort="newest", limit=1)
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = f"The {key} is {value}."
        return dialogue

    def qa_search(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path, word = self.path(rng, space), self.names.search_word(rng)
        key, value = self.detail_file(rng, space, path, rng.choice(ws.GROUPS), word)
        for _ in range(rng.randint(0, 3)):
            file = self.file(rng)
            if word.lower() not in file.text.lower():
                space.add(self.path(rng, space), file)
        dialogue = Dialogue(kind, self.request(rng, kind, word=word, key=key), space=space,
                            slots={"word": word, "file": path, "key": key, "value": value})
        self.call(dialogue, "file_search", pattern=word)
        self.call(dialogue, "file_read", path=path)
        dialogue.answer = f"The {key} is {value}."
        return dialogue

    def qa_anywhere(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        path = self.path(rng, space)
        key, value = self.names.key(rng, "what"), self.names.value(rng, "what")
        style = rng.choice(("colon", "lower", "list", "sentence", "bold"))
        line = ws.statement(rng, key, value, style)
        lines = [line, *(ws.prose_line(rng, self.names) for _ in range(rng.randint(0, 3)))]
        lines = [other for other in lines if other == line or key.lower() not in other.lower()]
        rng.shuffle(lines)
        space.add(path, self.file(rng, ws.text_of(lines, rng)))
        self.beside(rng, space)
        dialogue = Dialogue(kind, self.request(rng, kind, key=key), space=space,
                            slots={"key": key, "value": value, "file": path})
        self.call(dialogue, "file_search", pattern=key)
        hits = dialogue.results[-1].count('"line":')
        if hits != 1:
            return self.qa_anywhere(rng, kind)
        dialogue.answer = f"The {key} is {value}, says {path}."
        return dialogue

    # -- what goes wrong --------------------------------------------------------

    def missing_file(self, rng: random.Random, kind: str) -> Dialogue:
        of = rng.choice(("read", "read", "read", "size", "modified", "lines", "words", "read_head",
                         "qa_what", "qa_when", "qa_amount", "qa_who"))
        folder = self.folder(rng, root=0.4)
        exists = folder == "" or rng.random() < 0.75
        space = self.filled(rng, folder if exists else "", rng.randint(1, 5))
        path = self.path(rng, space, folder)
        slots = {"file": path, "n": str(rng.randint(1, 20))}
        if of.startswith("qa_"):
            slots["key"] = self.names.key(rng, of.removeprefix("qa_"))
        needed = {slot: slots[slot] for slot in ("file", "n", "key") if slot in slots}
        dialogue = Dialogue(kind, self.request(rng, of, **needed), space=space, slots={"file": path})
        if of in ("size", "modified", "lines", "words"):
            self.call(dialogue, "metadata_extract", path=path)
        elif of == "read_head":
            self.call(dialogue, "file_read", path=path, max_lines=int(slots["n"]))
        else:
            self.call(dialogue, "file_read", path=path)
        self.call(dialogue, "file_list", path=folder)
        if folder in space.folders or folder == "":
            dialogue.answer = f"There is no {path}. {listing(space, folder)}"
        else:
            dialogue.answer = f"There is no {path}, and no folder {folder}."
        return dialogue

    def missing_folder(self, rng: random.Random, kind: str) -> Dialogue:
        of = rng.choice(("list_folder", "list_folder", "count", "newest", "largest", "list_type",
                         "search_in"))
        folder = self.folder(rng, root=0)
        space = self.filled(rng, "", rng.randint(1, 5))
        if space.taken(folder):
            return self.missing_folder(rng, kind)
        slots = {"folder": folder}
        ending = rng.choice(list(naming.TYPES))
        if of == "list_type":
            slots["type"] = rng.choice(naming.TYPES[ending])
        word = self.names.search_word(rng)
        if of == "search_in":
            slots["word"] = word
        dialogue = Dialogue(kind, self.request(rng, of, **slots), space=space,
                            slots={"folder": folder})
        if of == "search_in":
            self.call(dialogue, "file_search", pattern=word, path=folder)
        elif of == "list_type":
            self.call(dialogue, "file_list", path=folder, glob=f"*.{ending}")
        elif of in ("newest", "largest"):
            self.call(dialogue, "file_list", path=folder, sort=of, limit=1)
        else:
            self.call(dialogue, "file_list", path=folder)
        self.call(dialogue, "file_list")
        dialogue.answer = f"There is no folder {folder}. {listing(space, '')}"
        return dialogue

    def refuse(self, rng: random.Random, kind: str) -> Dialogue:
        space = Workspace()
        self.beside(rng, space, 2)
        slots = {"file": self.path(rng, space), "file2": self.path(rng, space),
                 "folder": self.folder(rng, root=0), "word": self.names.search_word(rng),
                 "n": str(rng.randint(2, 50)), "key": self.names.key(rng, "what"),
                 "type": rng.choice(naming.TYPES[rng.choice(list(naming.TYPES))])}
        answer = {"refuse_outside": REFUSE_OUTSIDE, "refuse_no_tool": REFUSE_TOOL,
                  "refuse_offtopic": REFUSE_TOPIC}[kind]
        request = self.request(rng, kind, **slots)
        if kind == "refuse_outside" and rng.random() < 0.4:
            request = self.elsewhere(rng)
        return Dialogue(kind, request, answer=answer, space=space)

    def elsewhere(self, rng: random.Random) -> str:
        """An ordinary request about a place outside the workspace."""
        name, folder = self.names.file(rng), self.names.folder(rng)
        user = self.names.word(rng)
        start = rng.choice(("/etc/", "/", "/home/" + user + "/", "~/", "../", "../../", "C:\\",
                            "/var/log/", "/tmp/", "/usr/", "/root/", "~/.ssh/", "/mnt/", "D:\\",
                            "C:\\Users\\" + user + "\\", "~/Documents/", "/opt/", "/proc/",
                            f"../{folder}/", f"/{folder}/", "~/" + folder + "/"))
        if "\\" in start:
            folder = folder.replace("/", "\\")
        where = rng.choice(("read", "list_folder", "size", "modified", "count", "newest", "search_in",
                            "qa_what", "read_head", "list_recursive"))
        template = self.wordings.sample(rng, where)
        slots = {"file": start + name, "folder": (start + folder) if rng.random() < 0.6 else start.rstrip("/"),
                 "word": self.names.search_word(rng), "key": self.names.key(rng, "what"),
                 "n": str(rng.randint(1, 30))}
        if slots["folder"] == "":
            slots["folder"] = "/"
        return decorate(rng, template, slots)


def base(path: str) -> str:
    return path.rpartition("/")[2]


def place(folder: str) -> str:
    return folder or "the workspace"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def amount(count: int, noun: str, where: str) -> str:
    if count == 0:
        return f"There are no {noun}s in {where}."
    return f"There {'is' if count == 1 else 'are'} {plural(count, noun)} in {where}."


def listing(space: Workspace, folder: str) -> str:
    """What a folder holds, in the order in which file_list gives it."""
    entries = sorted([*space.files_in(folder), *space.folders_in(folder)],
                     key=lambda entry: entry.split("/"))
    names = {entry: base(entry) for entry in entries}
    shown = [name if entry in space.files else name + "/" for entry, name in names.items()]
    if not shown:
        return f"{place(folder)} is empty."
    subject = place(folder)
    return f"{subject[0].upper() + subject[1:] if not folder else subject} holds: {', '.join(shown)}."


def content(space: Workspace, path: str) -> str:
    return space.files[path].text.rstrip("\n") or f"{path} is empty."


def found(result: str, word: str, folder: str) -> str:
    """The places that a search gave."""
    matches = json.loads(result)["matches"]
    if not matches:
        return f'Nothing in {place(folder)} mentions "{word}".'
    places = ", ".join(f"{match['path']} line {match['line']}" for match in matches)
    return f'"{word}" stands in: {places}.'


TYPOS = 0.02


def decorate(rng: random.Random, template: str, slots: dict[str, str]) -> str:
    """Fills a template, and varies it as people do who type."""
    chance = rng.random()
    if chance < 0.12:
        template = lower(template)
    elif chance < 0.2:
        template = template.rstrip(".?!")
    elif chance < 0.23:
        template = template.rstrip(".?!") + rng.choice(("?", ".", "!", "??", " ..."))
    if rng.random() < 0.05:
        start = rng.choice(("please ", "hey, ", "hi, ", "ok, ", "now ", "can you help: ", "so, ",
                            "quick question: ", "hello! ", "next: ", "right, "))
        template = start + (template if rng.random() < 0.3 else template[:1].lower() + template[1:])
    elif rng.random() < 0.05:
        template = template.rstrip(".") + rng.choice((", please", " please", ", thanks", " thx",
                                                      ". Thank you!", ", if you can", " now"))
    if rng.random() < TYPOS:
        template = typo(rng, template)
    return fill(template, slots)


def lower(template: str) -> str:
    return "".join(part if part.startswith("{") else part.lower()
                   for part in slots_apart(template))


def slots_apart(template: str) -> list[str]:
    return re.split(r"(\{\w+\})", template)


def typo(rng: random.Random, template: str) -> str:
    """Swaps two neighbouring letters of a word."""
    parts = slots_apart(template)
    texts = [index for index, part in enumerate(parts) if not part.startswith("{") and len(part) > 6]
    if texts:
        index = rng.choice(texts)
        part = parts[index]
        at = rng.randrange(1, len(part) - 2)
        if part[at].isalpha() and part[at + 1].isalpha():
            parts[index] = part[:at] + part[at + 1] + part[at] + part[at + 2:]
    return "".join(parts)
