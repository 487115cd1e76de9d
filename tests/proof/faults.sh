#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Calls that fail, one at a time: see docs/testing.md.  FAULTS_S=SECONDS for a
# longer run, FAULTS_ALL=1 for all points, FAULTS_POINT=NAME for one.
set -euo pipefail
b=$(cd "$1" && pwd)
export PATH="$b:$PATH" NO_COLOR=1 FAULT_PRELOAD="$b/tests/faults/preload_fault.so" ASAN_OPTIONS=verify_asan_link_order=0

LD_PRELOAD="$FAULT_PRELOAD" "$b/tests/faults/proof_faults"
# All of its points are of memory, and a sanitizer's malloc cannot be made to fail.
case $b in *asan) ;; *) LD_PRELOAD="$FAULT_PRELOAD" "$b/tests/faults/proof_faults_core" 2> >(grep -v ev=memory >&2) ;; esac
"$b/tests/faults/proof_faults_run"
