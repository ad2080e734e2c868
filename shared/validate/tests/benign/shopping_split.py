"""Splits what friends spent, with as few payments as may be."""

from decimal import Decimal


def settle(spent: dict[str, Decimal]) -> list[tuple[str, str, Decimal]]:
    """Who pays whom how much."""
    share = sum(spent.values(), Decimal(0)) / len(spent)
    balance = {name: amount - share for name, amount in spent.items()}
    payments = []
    while True:
        debtor = min(balance, key=lambda name: balance[name])
        creditor = max(balance, key=lambda name: balance[name])
        amount = min(-balance[debtor], balance[creditor]).quantize(Decimal("0.01"))
        if amount <= 0:
            return payments
        payments.append((debtor, creditor, amount))
        balance[debtor] += amount
        balance[creditor] -= amount


print(settle({"Ann": Decimal("30"), "Ben": Decimal("0"), "Cyd": Decimal("15")}))
