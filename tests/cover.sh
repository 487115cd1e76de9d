#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs what reaches core, store and wire, built to count branches, two at a
# time, and says what was reached: see docs/testing.md.  COVER_LINES=1 names lines.
set -euo pipefail
fail() { echo "FAILED: $*"; exit 1; }
b=build/cover preload=build/release/tests/faults/preload_fault.so
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# What tests programs, workers, jobs and blobs is left out.
tests=$(find tests -name 'test_*.c' | grep -v -E 'test_(api|blob|client|cmd|conf|leases|logs|report|scan|sketch|submit|work)') ||
	fail "there are no unit tests"
proofs=$(find tests -name proof_faults.c -o -name proof_faults_core.c -o -name proof_sim.c)
[ "$(wc -w <<<"$proofs")" = 3 ] || fail "of three proofs there are: $proofs"
tests=$(printf "$b/%s " $tests $proofs)
tests=${tests//.c / }

# The counted objects first: what makes the rest finds them up to date.
counted=$(ls broker/*.c broker/*/*.c wire/*.c | grep -v main.c | sed "s,\(.*\)\.c$,$b/\1.o,") || fail "there is nothing to count"
flags="-g -O0 -w"
# shellcheck disable=SC2086
make -s -j2 KIND=cover CFLAGS="$flags --coverage -fprofile-update=atomic" $counted
# shellcheck disable=SC2086
make -s -j2 KIND=cover CFLAGS="$flags -DCOVER" LDFLAGS=--coverage $tests
make -s KIND=release $preload
find $b -name '*.gcda' -delete

run() {
	log=$logs/$(basename "$1")
	case $(basename "$1") in
	proof_faults*) set -- env LD_PRELOAD="$PWD/$preload" "$1" ;;
	proof_sim) set -- "$1" --from 1 --seeds 30 ;;
	esac
	timeout 300 "$@" >"$log" 2>&1 || { echo "FAILED: $*"; cat "$log"; exit 1; }
}
export -f run
export logs preload NO_COLOR=1 FAULTS_ALL=1 SPILLWAY_BIN=$PWD/$b
# shellcheck disable=SC2086
printf '%s\n' $tests | xargs -P 2 -I{} bash -c 'run {}'
tests/cover.py $b ${COVER_LINES:+--lines}
