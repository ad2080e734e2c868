#!/bin/bash
# Compares two folders by the checksums of their files.
set -euo pipefail

sums() {
  (cd "$1" && find . -type f -print | sort | while read -r path; do
    sha256sum "$path"
  done)
}

if diff <(sums "$1") <(sums "$2"); then
  echo "alike"
else
  echo "different" >&2
  exit 1
fi
