"""Converts between units of length, weight and temperature."""

from typing import Callable, Final

FACTORS: Final[dict[str, dict[str, float]]] = {
    "length": {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "in": 0.0254},
    "weight": {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "oz": 0.028349523125},
}
TEMPERATURES: Final[dict[tuple[str, str], Callable[[float], float]]] = {
    ("C", "F"): lambda value: value * 9 / 5 + 32,
    ("F", "C"): lambda value: (value - 32) * 5 / 9,
    ("C", "K"): lambda value: value + 273.15,
    ("K", "C"): lambda value: value - 273.15,
}


def convert(value: float, source: str, target: str) -> float:
    """The value in the other unit."""
    if source == target:
        return value
    if (source, target) in TEMPERATURES:
        return TEMPERATURES[source, target](value)
    for factors in FACTORS.values():
        if source in factors and target in factors:
            return value * factors[source] / factors[target]
    raise ValueError(f"cannot convert {source} to {target}")
