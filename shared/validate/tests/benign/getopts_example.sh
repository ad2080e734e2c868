#!/bin/bash
# Shows the first or the last lines of files.
set -euo pipefail

count=10
from_end=false
while getopts "n:eh" option; do
  case "$option" in
    n) count="$OPTARG" ;;
    e) from_end=true ;;
    h)
      echo "usage: $0 [-n COUNT] [-e] FILE..."
      exit 0
      ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
for file in "$@"; do
  if "$from_end"; then
    tail -n "$count" "$file"
  else
    head -n "$count" "$file"
  fi
done
