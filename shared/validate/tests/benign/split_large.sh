#!/bin/bash
# Splits a text into parts of so many lines.
set -euo pipefail

file="${1:?give a file}"
lines="${2:-1000}"
mkdir -p temp/parts
split -l "$lines" "$file" temp/parts/part-
ls temp/parts | wc -l
