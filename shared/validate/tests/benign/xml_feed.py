"""Lists the entries of a feed that was saved."""

import sys
import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime


def entries(text: str) -> list[tuple[str, str, str]]:
    """Title, link and day of each entry."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"no feed: {error}") from error
    found = []
    for item in root.iter("item"):
        title = item.findtext("title", default="(untitled)")
        link = item.findtext("link", default="")
        published = item.findtext("pubDate")
        day = parsedate_to_datetime(published).date().isoformat() if published else "-"
        found.append((day, title.strip(), link.strip()))
    return sorted(found, reverse=True)


if __name__ == "__main__":
    for entry in entries(sys.stdin.read()):
        print("  ".join(entry))
