"""Computes an invoice with tax."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency."""

    amount: Decimal
    currency: str = "EUR"
    ZERO: ClassVar["Money"]

    def __add__(self, other: Self) -> Self:
        if self.currency != other.currency:
            raise ValueError("currencies differ")
        return type(self)(self.amount + other.amount, self.currency)

    def __radd__(self, other: int) -> Self:
        return self if other == 0 else NotImplemented

    def times(self, factor: Decimal) -> Self:
        """Rounded to the cent."""
        return type(self)((self.amount * factor).quantize(Decimal("0.01")), self.currency)


lines = [(Money(Decimal("19.99")), 3), (Money(Decimal("4.50")), 10)]
net = sum(price.times(Decimal(count)) for price, count in lines)
print(f"{net.amount} + {net.times(Decimal('0.19')).amount}")
