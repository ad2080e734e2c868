class Config:
    """Holds something."""

    def __init__(self) -> None:
        self.value = 1


print("{0.__init__.__globals__}".format(Config()))
