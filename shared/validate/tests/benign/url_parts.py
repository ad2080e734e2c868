"""Takes addresses apart and puts them together again."""

from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit, urlunsplit


def clean(address: str) -> str:
    """Without what only tracks its reader."""
    parts = urlsplit(address)
    query = {
        key: values
        for key, values in parse_qs(parts.query).items()
        if not key.startswith("utm_")
    }
    return urlunsplit(parts._replace(query=urlencode(query, doseq=True), fragment=""))


def page(base: str, title: str) -> str:
    """The address of a page by its title."""
    return urljoin(base, quote(title.replace(" ", "_")))


print(clean("https://example.org/a?utm_source=x&id=7#top"), page("https://example.org/wiki/", "A b"))
