#!/bin/bash
# Prints a column of a CSV file by its name.
set -euo pipefail

file="$1"
name="$2"
index="$(head -n 1 "$file" | tr ',' '\n' | grep -n -x -- "$name" | cut -d: -f1)"
if [ -z "$index" ]; then
  echo "no column $name in $file" >&2
  exit 1
fi
tail -n +2 "$file" | cut -d, -f"$index"
