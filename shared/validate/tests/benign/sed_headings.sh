#!/bin/bash
# Lists the headings of Markdown files.
set -euo pipefail

for file in memory/*.md; do
  echo "== $(basename "$file" .md)"
  grep -E '^#{1,3} ' "$file" | sed -E 's/^(#+) (.*)$/\1 \2/'
done
