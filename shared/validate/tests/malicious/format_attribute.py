class Config:
    """Holds something."""

    def __init__(self) -> None:
        self.value = 1


template = input()
print(template.format(Config()))
