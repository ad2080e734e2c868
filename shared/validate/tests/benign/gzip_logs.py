"""Packs logs that are old."""

import gzip
import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


def pack(folder: Path, age: timedelta) -> int:
    """Packs every log that was not changed for so long."""
    limit = datetime.now() - age
    packed = 0
    for path in folder.glob("*.log"):
        if datetime.fromtimestamp(path.stat().st_mtime) > limit:
            continue
        target = path.with_suffix(".log.gz")
        with path.open("rb") as source, gzip.open(target, "wb") as packed_file:
            shutil.copyfileobj(source, packed_file)
        path.unlink()
        packed += 1
        logging.info("packed %s", path.name)
    return packed
