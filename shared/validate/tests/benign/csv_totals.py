"""Sums a column of a CSV file by the values of another."""

import csv
import sys
from collections import defaultdict
from decimal import Decimal, InvalidOperation


def totals(path: str, key: str, amount: str) -> dict[str, Decimal]:
    """The sums, by key. Rows whose amount is no number are skipped."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with open(path, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                sums[row[key]] += Decimal(row[amount])
            except (InvalidOperation, KeyError) as error:
                print(f"line {number}: {error}", file=sys.stderr)
    return dict(sums)


if __name__ == "__main__":
    for name, total in sorted(totals("outputs/expenses.csv", "category", "amount").items()):
        print(f"{name:20} {total:>12.2f}")
