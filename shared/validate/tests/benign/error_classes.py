"""Errors with a cause, and how they are told."""

import sys
import traceback


class AppError(Exception):
    """Something that its user can act on."""

    code = "app"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.hint})" if self.hint else text


class NotThere(AppError):
    """A file that is missing."""

    code = "not_there"


def run() -> int:
    """Shows an error as one line."""
    try:
        try:
            raise FileNotFoundError("notes.md")
        except FileNotFoundError as error:
            raise NotThere("no notes", hint="write some") from error
    except AppError as error:
        print(f"{error.code}: {error}; because of {error.__cause__!r}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 2
    else:
        return 0


sys.exit(run())
