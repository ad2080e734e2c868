class Eval:
    """Hides a name."""

    eval = 1


eval("1+1")
