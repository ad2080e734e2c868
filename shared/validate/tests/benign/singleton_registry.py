"""A registry of handlers, filled by subclassing."""

from abc import ABC, abstractmethod
from typing import ClassVar


class Handler(ABC):
    """Handles one kind of message."""

    kinds: ClassVar[dict[str, type["Handler"]]] = {}

    def __init_subclass__(cls, kind: str, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        Handler.kinds[kind] = cls

    @abstractmethod
    def handle(self, message: str) -> str:
        """What comes back."""


class Shout(Handler, kind="shout"):
    """In capitals."""

    def handle(self, message: str) -> str:
        return message.upper()


def dispatch(kind: str, message: str) -> str:
    """By the handler of this kind."""
    try:
        return Handler.kinds[kind]().handle(message)
    except KeyError:
        return f"no handler for {kind}"
