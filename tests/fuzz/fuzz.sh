#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh FUZZER SECONDS: runs it on its corpus in tests/corpus/NAME.
set -eu
name=$(basename "$1")
[ -x "$1" ] || { echo "FAILED: there is no fuzzer $1"; exit 1; }
[ -n "$(ls "tests/corpus/$name")" ] || { echo "FAILED: there is no corpus of $name"; exit 1; }
mkdir -p "build/fuzz/corpus/$name"
exec "$1" -max_total_time="$2" -print_final_stats=1 -verbosity=0 \
	-artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "tests/corpus/$name"
