"""What a dialogue is made of: a workspace, the paths in it, a request, calls."""

import random
from dataclasses import dataclass, field

import workspace as ws
from names import Names
from phrasing import decorate
from wordings import Wordings
from workspace import File, Workspace

TOOLS = ("file_list", "file_read", "file_search", "metadata_extract")


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


class Scenes:
    """Makes the parts of dialogues."""

    def __init__(self, wordings: Wordings, names: Names) -> None:
        self.wordings = wordings
        self.names = names

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
        if rng.random() < 0.06:
            count = rng.randint(9, 24)
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
