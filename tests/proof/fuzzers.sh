#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every decoder under libFuzzer, two at a time, for FUZZ_S seconds each (so
# that all of them together take PROOF_S, 60).
# What it finds lies in build/fuzz/NAME-crash-*: build/fuzz/NAME FILE repeats it.
set -u
command -v clang >/dev/null || { echo "FAILED: there is no clang"; exit 1; }
names=$(cd tests/fuzz && ls fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
[ -n "$names" ] || { echo "FAILED: there are no fuzzers"; exit 1; }
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# shellcheck disable=SC2086
MAKEFLAGS='' make -s -j2 KIND=fuzz CC=clang $(printf 'build/fuzz/%s ' $names) >"$logs/make" 2>&1 || {
	cat "$logs/make"
	exit 1
}

# The exit status of xargs tells whether one of them failed.
share=$((${PROOF_S:-60} * 2 / $(wc -w <<<"$names")))
seconds=${FUZZ_S:-$((share > 0 ? share : 1))} # to libFuzzer 0 is for ever
export logs seconds
# shellcheck disable=SC2016
if ! printf '%s\n' $names | xargs -P 2 -I{} sh -c \
	'tests/fuzz/fuzz.sh build/fuzz/{} "$seconds" >"$logs/{}" 2>&1 || { cat "$logs/{}"; exit 1; }'; then
	echo "FAILED: build/fuzz/NAME FILE repeats what was found, FILE is named above"
	exit 1
fi
runs=$(awk '/number_of_executed_units/ { n += $2 } END { print n }' "$logs"/*)
echo "$(wc -w <<<"$names") fuzzers, $seconds s each, $runs runs"
