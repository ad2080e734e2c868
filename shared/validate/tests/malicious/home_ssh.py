from pathlib import Path

print((Path.home() / "keys").read_text())
