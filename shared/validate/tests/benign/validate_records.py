"""Checks records against rules, and collects all that is wrong."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Rule(Protocol):
    """Says what is wrong with a value, or nothing."""

    def __call__(self, value: Any) -> str | None: ...


def between(low: float, high: float) -> Rule:
    """A rule for numbers."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return "is no number"
        return None if low <= value <= high else f"is not between {low} and {high}"

    return rule


def matching(test: Callable[[str], bool], message: str) -> Rule:
    """A rule for texts."""
    return lambda value: None if isinstance(value, str) and test(value) else message


RULES: dict[str, Rule] = {
    "age": between(0, 130),
    "name": matching(str.isprintable, "is not printable"),
    "mail": matching(lambda text: text.count("@") == 1, "is no address"),
}


def problems(record: Mapping[str, Any]) -> list[str]:
    """All that is wrong."""
    found = []
    for key, rule in RULES.items():
        if key not in record:
            found.append(f"{key} is missing")
        elif (message := rule(record[key])) is not None:
            found.append(f"{key} {message}")
    return found
