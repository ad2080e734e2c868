"""Makes a table of measurements that were saved as JSON lines."""

import json
import sys
from datetime import datetime, timezone
from statistics import mean


def read(lines):
    """Measurements by day."""
    days = {}
    for line in lines:
        line = line.strip()
        if not line:
            continue
        record = json.loads(line)
        day = datetime.fromtimestamp(record["time"], tz=timezone.utc).date()
        days.setdefault(day, []).append(record["celsius"])
    return days


def table(days):
    """One row for each day."""
    yield f"{'day':10} {'low':>6} {'mean':>6} {'high':>6}"
    for day, values in sorted(days.items()):
        yield f"{day} {min(values):6.1f} {mean(values):6.1f} {max(values):6.1f}"


if __name__ == "__main__":
    print(*table(read(sys.stdin)), sep="\n")
