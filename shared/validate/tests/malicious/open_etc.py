def read() -> str:
    """Reads the accounts."""
    with open("/etc/passwd", encoding="utf-8") as file:
        return file.read()


print(read())
