#!/bin/bash
# Mean of the second column for each name in the first.
set -euo pipefail

awk -F, 'NR == 1 { next } { sum[$1] += $2; count[$1]++ } END { for (name in sum) printf "%s,%.2f\n", name, sum[name] / count[name] }' "$1" | sort
