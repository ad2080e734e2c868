"""Writes and verifies a manifest of checksums."""

import hashlib
import json
from pathlib import Path


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            hasher.update(chunk)
    return hasher.hexdigest()


def manifest(folder: Path) -> dict[str, str]:
    """The checksum of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def main() -> None:
    """Writes the manifest of the outputs."""
    folder = Path("outputs")
    target = Path("temp") / "manifest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(manifest(folder), indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
