"""Prints what the electricity of a year cost, month by month.

Usage: python3 energy_report.py electricity-2026.csv
"""

import csv
import sys

PRICE_PER_KWH = 0.329  # euros, since 1 January 2026
BASE_PRICE = 11.5  # euros a month


def cost(kwh: float) -> float:
    """What a month with this consumption costs."""
    return kwh * PRICE_PER_KWH + BASE_PRICE


def main(path: str) -> None:
    total = 0.0
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            amount = cost(float(row["kwh"]))
            total += amount
            print(f"{row['month']}  {amount:8.2f} EUR")
    print(f"total    {total:8.2f} EUR")


if __name__ == "__main__":
    main(sys.argv[1])
