#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Calls that fail, one at a time: see docs/testing.md.  FAULTS_S=SECONDS for each
# of the three (a third of PROOF_S, 60), FAULTS_ALL=1 for all points,
# FAULTS_POINT=NAME for one.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder"}
third=$((${PROOF_S:-60} / 3))
export FAULTS_S=${FAULTS_S:-$((third > 0 ? third : 1))}
export PATH="$b:$PATH" NO_COLOR=1 FAULT_PRELOAD="$b/tests/faults/preload_fault.so" ASAN_OPTIONS=verify_asan_link_order=0

all() {
	LD_PRELOAD="$FAULT_PRELOAD" "$b/tests/faults/proof_faults"
	# All of its points are of memory.
	case $b in
	*asan) echo "skipped: core: a sanitizer's malloc cannot be made to fail" ;;
	*) LD_PRELOAD="$FAULT_PRELOAD" "$b/tests/faults/proof_faults_core" 2> >(grep -v ev=memory >&2) ;;
	esac
	"$b/tests/faults/proof_faults_run"
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT
all | tee "$said"
[ -z "${FAULTS_POINT:-}" ] || grep -q ': 1 of ' "$said" || { echo "FAILED: there is no point $FAULTS_POINT"; exit 1; }
