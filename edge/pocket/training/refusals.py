"""Requests that cannot be served: what is missing, and what is refused."""

import random

import names as naming
from answers import REFUSE_OUTSIDE, REFUSE_TOOL, REFUSE_TOPIC, listing
from phrasing import decorate
from scenes import Dialogue, Scenes
from workspace import Workspace


class Refusals(Scenes):
    """Makes such dialogues."""

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
