class Config:
    """Holds something."""

    value = 1


templates = [input()]
print(list(map(str.format, templates, [Config()])))
