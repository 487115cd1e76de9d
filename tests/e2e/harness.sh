#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/run.sh on trees of its own: each end of a test is told as what it is.
set -euo pipefail
run=$PWD/tests/run.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset TEST_S TEST_JOBS PROOF_S SOAK_S FUZZ_S

# script PATH [LINE]...: a test that does this, in the tree at hand.
script() {
	mkdir -p "$(dirname "$tree/$1")"
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$tree/$1"
	chmod +x "$tree/$1"
}

# tree NAME: a new one, in which nothing is wrong.
tree() {
	tree=$dir/$1
	mkdir -p "$tree/tests" "$tree/build/release/tests"
	printf '%s\n' '# comment' 'good:part it may' 'whole it may as a whole' 'test_unit:a_case it may' \
		'asan/kind:part under a sanitizer' 'good:bare' >"$tree/tests/skips.allowed"
	script tests/e2e/good.sh 'echo well'
	script tests/proof/brief.sh 'echo "PROOF_S is ${PROOF_S:-unset}"'
	script tests/proof/other.sh 'echo other'
	script tests/house.py
	script build/release/protocol-tables
	script build/release/tests/test_unit "echo '[       OK ] a_test'"
	touch "$tree/tests/test_unit.c"
}

# is STATUS COUNTS LINE...: what run.sh ends with, and lines that it must print.
is() {
	local status=0 want=$1 counts=$2
	shift 2
	(cd "$tree" && "$run" "$kind" "${what[@]}") >"$dir/said" 2>&1 || status=$?
	set -- "$counts" "$@"
	for line; do
		grep -qxF -- "$line" "$dir/said" || { echo "FAILED: $tree: no '$line' in:"; cat "$dir/said"; exit 1; }
	done
	[ "$(tail -n 1 "$dir/said"), $status" = "$counts, $want" ] ||
		{ echo "FAILED: $tree: status $status, not $want"; cat "$dir/said"; exit 1; }
}
kind=build/release what=(check)

tree good
is 0 "4 passed, 0 failed, 0 skipped" "ok    good (well)" "ok    test_unit (1)"
what=(check proof)
is 0 "6 passed, 0 failed, 0 skipped" "ok    brief (PROOF_S is unset)" "ok    other (other)"
what=(soak)
is 0 "1 passed, 0 failed, 0 skipped" "ok    brief (PROOF_S is 600)"
what=(tests/e2e/good.sh)
is 0 "1 passed, 0 failed, 0 skipped"
what=(check)

# Programs come from one absolute folder, whatever the caller's is.
script tests/e2e/good.sh 'echo "in $SPILLWAY_BIN"'
SPILLWAY_BIN=/elsewhere is 0 "4 passed, 0 failed, 0 skipped" "ok    good (in $tree/build/release)"

# What was left out: listed, for this kind of build or not, as a whole, not listed.
tree skips
script tests/e2e/good.sh 'echo "skipped: part: there is no npm"' 'echo well'
script tests/e2e/whole.sh 'echo "skipped: all: there is nothing"'
script build/release/tests/test_unit "printf '%s\n' '[  SKIPPED ] a_case' '[       OK ] b' \
	'[  SKIPPED ] 1 test(s), listed below:' '[  SKIPPED ] a_case'"
is 0 "4 passed, 0 failed, 3 skipped" "skip  good: part: there is no npm" "ok    good (well)" \
	"skip  whole: all: there is nothing" "skip  test_unit: a_case: skip()" "ok    test_unit (1)"
script tests/e2e/kind.sh 'echo "skipped: part: no memory"'
is 1 "4 passed, 1 failed, 4 skipped" \
	"FAIL  kind: skipped part: no memory; tests/skips.allowed does not list it"
cp -r "$tree/build/release" "$tree/build/asan"
kind=build/asan
is 0 "5 passed, 0 failed, 4 skipped" "skip  kind: part: no memory"
kind=build/release
for part in all bare other ""; do
	tree "unlisted-$part"
	script tests/e2e/good.sh "echo 'skipped: $part: because'"
	is 1 "3 passed, 1 failed, 1 skipped" "FAIL  good: skipped $part: because; tests/skips.allowed does not list it"
done
rm "$tree/tests/skips.allowed"
is 1 "3 passed, 1 failed, 1 skipped"
script build/release/tests/test_unit "printf '[  SKIPPED ] %s\n' other_case"
is 1 "2 passed, 2 failed, 2 skipped" \
	"FAIL  test_unit: skipped other_case: skip(); tests/skips.allowed does not list it"

# However a test spells it, what it leaves out is seen.
tree spelled
for line in '  skipped: part: of it' 'Skipped: part: of it' 'skipped : part: of it' '[  SKIPPED ] b_case (12 ms)'; do
	script build/release/tests/test_unit "echo '$line'"
	is 1 "3 passed, 1 failed, 1 skipped"
done

# A result that cannot be written is no success.
tree unwritten
script build/release/tests/test_unit "rm '$tree/build/release/tests/logs/test_unit.end'" \
	"mkdir '$tree/build/release/tests/logs/test_unit.end'"
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  test_unit: it has no result"
script build/release/tests/test_unit 'echo well'
is 0 "4 passed, 0 failed, 0 skipped"

# A test that hangs, one that fails after a skip, one that is killed.
tree hangs
script tests/e2e/good.sh 'exec sleep infinity'
what=(tests/e2e/good.sh)
TEST_S=1 is 1 "0 passed, 1 failed, 0 skipped" "FAIL  good: timed out after 1 s"
what=(check)
script tests/e2e/good.sh 'echo "skipped: part: of it"' 'echo "error: here it is"' 'exit 3'
is 1 "3 passed, 1 failed, 1 skipped" "FAIL  good: exit status 3" "error: here it is"
script tests/e2e/good.sh 'exit 124'
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  good: exit status 124"
script tests/e2e/good.sh 'kill -9 $$'
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  good: exit status 137"

# Nothing to run, or not what there should be.
tree empty
rm "$tree/build/release/tests/test_unit"
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  test_unit: there is no program $tree/build/release/tests/test_unit"
rm "$tree/tests/test_unit.c"
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  unit-tests: there are none to run"
rm -r "$tree/tests/e2e" "$tree/build/release/protocol-tables" "$tree/tests/house.py"
is 1 "0 passed, 4 failed, 0 skipped" "FAIL  end-to-end-tests: there are none to run"
what=(soak)
rm "$tree/tests/proof/brief.sh"
is 1 "0 passed, 1 failed, 0 skipped" "FAIL  soaks: there are none to run"
what=(proof tests/e2e/none.sh)
rm -r "$tree/tests/proof"
is 1 "0 passed, 2 failed, 0 skipped" "FAIL  proofs: there are none to run" "FAIL  none: there is no program tests/e2e/none.sh"
what=(check)
tree zero
script build/release/tests/test_unit "echo '[==========] Running 0 test(s).'"
is 1 "3 passed, 1 failed, 0 skipped" "FAIL  test_unit: it has no test"
mkdir "$tree/tests/room" && touch "$tree/tests/room/test_unit.c"
is 1 "0 passed, 1 failed, 0 skipped" "FAIL  there are two tests of one name: test_unit"
echo "each end of a test is told as what it is"
