"""Reads a TOML file into a class, checking types."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass
class Config:
    """What can be set."""

    host: str = "localhost"
    port: int = 8080
    debug: bool = False


def load(path: Path) -> Config:
    """The file's settings over the defaults."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    config = Config()
    for field in fields(Config):
        if field.name in data:
            value = data[field.name]
            if not isinstance(value, type(getattr(config, "port" if field.name == "port" else "host"))):
                raise TypeError(f"{field.name}: {value!r}")
            setattr(config, "host", value)
    return config
