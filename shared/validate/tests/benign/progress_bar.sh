#!/bin/bash
# Draws a bar.
set -eu

bar() {
  local done="$1" total="$2" width=40 filled i line=""
  filled=$((done * width / total))
  for ((i = 0; i < width; i++)); do
    if [ "$i" -lt "$filled" ]; then line+="#"; else line+="."; fi
  done
  printf '\r[%s] %3d%%' "$line" $((done * 100 / total))
}

for step in $(seq 1 10); do
  bar "$step" 10
  sleep 0.1
done
echo
