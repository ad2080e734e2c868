"""The sentences in which the model answers."""

import json

from workspace import Workspace

REFUSE_TOOL = ("I cannot do that: I can only list, read, search and describe the files of this "
               "workspace.")
REFUSE_OUTSIDE = "I cannot look there: I only see the files of this workspace."
REFUSE_TOPIC = "I cannot help with that: I only answer questions about the files of this workspace."


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
