#!/bin/bash
# Says which files are no JSON.
set -u

status=0
for file in "$@"; do
  if jq -e . "$file" > /dev/null 2>&1; then
    echo "ok: $file"
  else
    echo "not JSON: $file" >&2
    status=1
  fi
done
exit "$status"
