#!/bin/bash
# Lists what was not changed for thirty days.
set -euo pipefail

find outputs -type f -mtime +30 -print | sort | while read -r path; do
  size="$(stat -c %s "$path")"
  printf '%10d %s\n' "$size" "$path"
done
