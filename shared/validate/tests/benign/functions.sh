#!/bin/bash
# Small helpers.
set -euo pipefail

log() {
  local level="$1"
  shift
  printf '%s [%s] %s\n' "$(date +%H:%M:%S)" "$level" "$*" >&2
}

die() {
  log error "$@"
  exit 1
}

is_number() {
  [[ "$1" =~ ^[0-9]+$ ]]
}

main() {
  is_number "${1:-}" || die "give a number"
  local i
  for ((i = 1; i <= $1; i++)); do
    log info "step $i of $1"
  done
}

main "$@"
