#!/bin/bash
# Writes a short report.
set -euo pipefail

files=$(find memory -type f | wc -l)
words=$(cat memory/*.md | wc -w)
cat > outputs/report.md <<END
# Report of $(date +%F)

- files: $files
- words: $words
END
tail -n 2 outputs/report.md
