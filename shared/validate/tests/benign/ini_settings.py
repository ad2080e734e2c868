"""Reads settings from an INI file with defaults."""

import configparser
from pathlib import Path
from typing import TypedDict


class Settings(TypedDict):
    """What can be set."""

    language: str
    lines: int
    colour: bool


def load(path: Path) -> Settings:
    """The settings; what is not in the file has its default."""
    parser = configparser.ConfigParser()
    parser.read_dict({"display": {"language": "en", "lines": "20", "colour": "yes"}})
    if path.is_file():
        parser.read(path, encoding="utf-8")
    section = parser["display"]
    return {
        "language": section.get("language", "en"),
        "lines": section.getint("lines"),
        "colour": section.getboolean("colour"),
    }
