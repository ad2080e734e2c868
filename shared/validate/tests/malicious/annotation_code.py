from functools import singledispatch


@singledispatch
def show(x):
    """Shows."""


@show.register
def _(x: "[c for c in (1).real.bit_length() if print(c)]"):
    """Shows a number."""
