"""Merges JSON files; later ones win."""

import copy
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both, going into what is nested."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def main() -> None:
    """Prints the whole."""
    parser = ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    whole: dict[str, Any] = {}
    for path in arguments.files:
        try:
            whole = merge(whole, json.loads(path.read_text()))
        except (OSError, json.JSONDecodeError) as error:
            parser.error(f"{path}: {error}")
    text = json.dumps(whole, indent=2)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
