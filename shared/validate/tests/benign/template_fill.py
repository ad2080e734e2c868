"""Fills a letter from a record."""

from string import Template

LETTER = Template("Dear $name,\n\nyour order $order of $date was shipped.\n")


def fill(record: dict[str, str]) -> str:
    """The letter; what is missing stays as it is."""
    return LETTER.safe_substitute(record)


HEADER = "{title:^40}\n{line}\n"


def header(title: str) -> str:
    """A title with a line below."""
    return HEADER.format(title=title, line="=" * 40)


print(header("Orders") + fill({"name": "Ada", "order": "17", "date": "2025-03-01"}))
