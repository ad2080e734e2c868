"""Sorts the entries of a bank statement into categories."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

RULES = [
    (re.compile(r"rent|landlord", re.I), "housing"),
    (re.compile(r"super\s?market|grocer", re.I), "food"),
    (re.compile(r"rail|bus|taxi", re.I), "travel"),
]


@dataclass(frozen=True)
class Entry:
    """A line of the statement."""

    text: str
    amount: Decimal

    @property
    def category(self) -> str:
        """By the first rule that fits."""
        return next((name for rule, name in RULES if rule.search(self.text)), "other")


def cents(amount: Decimal) -> Decimal:
    """Rounded as banks do."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
