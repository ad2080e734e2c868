"""Works with ranges of days."""

from collections.abc import Iterator
from datetime import date, timedelta


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last."""
    current = first
    while current <= last:
        yield current
        current += timedelta(days=1)


def working_days(first: date, last: date, holidays: set[date]) -> int:
    """How many of them are worked on."""
    return sum(1 for day in days(first, last) if day.weekday() < 5 and day not in holidays)


def quarter(day: date) -> str:
    """Such as 2025-Q3."""
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"


if __name__ == "__main__":
    start = date.fromisoformat("2025-01-01")
    print(working_days(start, date(2025, 12, 31), {start}), quarter(start))
