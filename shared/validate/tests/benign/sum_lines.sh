#!/usr/bin/env bash
# Sums the numbers of a column.
set -euo pipefail

column="${1:-1}"
total=0
while IFS=$'\t' read -r -a fields; do
  value="${fields[$((column - 1))]:-0}"
  if [[ "$value" =~ ^-?[0-9]+$ ]]; then
    total=$((total + value))
  fi
done
echo "$total"
