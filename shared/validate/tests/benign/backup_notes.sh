#!/bin/bash
# Copies the notes of today into a folder of the day.
set -euo pipefail

day="$(date +%Y-%m-%d)"
target="outputs/backup-$day"
mkdir -p "$target"
for note in memory/*.md; do
  [ -e "$note" ] || continue
  cp "$note" "$target/"
done
echo "copied to $target"
