#!/bin/bash
# Removes spaces at the end of lines.
set -euo pipefail

for file in "$@"; do
  sed 's/[[:space:]]*$//' "$file" > "$file.new"
  if ! cmp -s "$file" "$file.new"; then
    mv "$file.new" "$file"
    echo "trimmed $file"
  else
    rm "$file.new"
  fi
done
