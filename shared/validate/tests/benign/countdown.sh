#!/bin/bash
# Counts down.
seconds="${1:-5}"
until [ "$seconds" -le 0 ]; do
  echo "$seconds"
  sleep 1
  seconds=$((seconds - 1))
done
echo "now"
