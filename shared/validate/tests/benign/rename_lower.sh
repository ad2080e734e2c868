#!/bin/bash
# Gives files names in lower case.
set -euo pipefail

for path in outputs/*; do
  name="${path##*/}"
  lower="${name,,}"
  if [[ "$name" != "$lower" && ! -e "outputs/$lower" ]]; then
    mv -- "$path" "outputs/$lower"
  fi
done
