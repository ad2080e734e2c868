from pathlib import Path

print(Path("memory/../../other/secret.txt").read_text())
