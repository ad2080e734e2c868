"""Dialogues: a request, the tool calls that serve it, their results, the answer.

Each kind of request is a function that builds a workspace in which the
request makes sense, and returns the dialogue with what is known of its truth.
"""

import random

import names as naming
import workspace as ws
from answers import amount, base, content, found, listing, place, plural
from names import Names
from refusals import Refusals
from scenes import Dialogue
from wordings import Wordings
from workspace import Workspace


class Writer(Refusals):
    """Makes dialogues."""

    def __init__(self, wordings: Wordings, names: Names) -> None:
        super().__init__(wordings, names)
        self.kinds = {
            "list_folder": (self.list_folder, 5), "list_root": (self.list_root, 3),
            "list_recursive": (self.list_recursive, 4), "list_type": (self.list_type, 4),
            "read": (self.read, 7), "read_head": (self.read_head, 3),
            "search": (self.search, 8), "search_in": (self.search_in, 7),
            "search_count": (self.search_count, 4),
            "size": (self.metadata, 3), "modified": (self.metadata, 3),
            "lines": (self.metadata, 2), "words": (self.metadata, 2), "title": (self.metadata, 2),
            "count": (self.count, 4), "count_root": (self.count, 2),
            "count_type": (self.count_type, 3), "count_folders": (self.count, 2),
            "compare_size": (self.compare, 5), "compare_age": (self.compare, 6),
            "newest": (self.extreme, 4), "oldest": (self.extreme, 3),
            "largest": (self.extreme, 3), "smallest": (self.extreme, 2),
            "qa_what": (self.qa, 6), "qa_who": (self.qa, 3), "qa_when": (self.qa, 3),
            "qa_amount": (self.qa, 3), "qa_where": (self.qa, 2),
            "read_newest": (self.read_newest, 4), "qa_newest": (self.qa_newest, 3),
            "search_read": (self.search_read, 4), "qa_search": (self.qa_search, 3),
            "read_two": (self.read_two, 4),
            "missing_file": (self.missing_file, 5), "missing_folder": (self.missing_folder, 3),
            "absent_key": (self.absent_key, 3), "qa_anywhere": (self.qa_anywhere, 3),
            "refuse_outside": (self.refuse, 6), "refuse_no_tool": (self.refuse, 9),
            "refuse_offtopic": (self.refuse, 6),
        }

    def weigh(self, start: str, factor: int) -> None:
        """Draws the kinds whose names begin so, so many times as often."""
        for name, (make, weight) in self.kinds.items():
            if name.startswith(start):
                self.kinds[name] = (make, weight * factor)

    def sample(self, rng: random.Random, kind: str | None = None) -> Dialogue:
        if kind is None:
            kinds = list(self.kinds)
            kind = rng.choices(kinds, [self.kinds[name][1] for name in kinds])[0]
        return self.kinds[kind][0](rng, kind)

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
        count = rng.randint(1, 12) if rng.random() < 0.8 else rng.randint(1, 100)
        words = ("one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                 "fifteen sixteen seventeen eighteen nineteen twenty").split()
        shown = words[count - 1] if count <= len(words) and rng.random() < 0.3 else str(count)
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
                if rng.random() < 0.4:  # sizes that are close
                    extra = ws.prose_line(rng, self.names)
                    two.text = one.text + extra[:rng.randint(1, len(extra))]
            if rng.random() < 0.5:
                one.text, two.text = two.text, one.text
            winner = f"the first, {first}," if one.size > two.size else f"the second, {second},"
            answer = f"{one.size} against {two.size} bytes: {winner} is larger."
        else:
            two.modified = ws.near(rng, one.modified)
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
        dialogue.answer = f"The {key} is not in {path}."
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
