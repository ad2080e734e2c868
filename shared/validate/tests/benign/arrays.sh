#!/bin/bash
# Colours and their codes.
set -euo pipefail

declare -A codes=([red]=31 [green]=32 [blue]=34)
names=("${!codes[@]}")
for name in "${names[@]}"; do
  printf '%-8s %s\n' "$name" "${codes[$name]}"
done | sort
echo "${#names[@]} colours"
