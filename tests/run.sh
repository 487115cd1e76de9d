#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD WHAT...: runs tests of a build and prints a line for each, the
# log of what failed, and last "N passed, N failed, N skipped".  WHAT is
#	check	the unit tests, the end-to-end tests, the house rules
#	proof	tests/proof, each for PROOF_S seconds (60) if it runs for a time
#	soak	those that run for a time, for SOAK_S seconds (600)
#	PATH	one test: a script, or a program in BUILD
# TEST_JOBS=N at a time (one more than there are processors, for many of them
# wait); TEST_S=SECONDS that one may take before it counts as hung.
#
# A test that leaves out a part prints "skipped: PART: reason", with the part
# "all" if it is the whole; cmocka's skip() counts too.  What is left out must
# be listed in tests/skips.allowed, or the test has failed.
set -u

# name_of PATH: of a test.
name_of() {
	name=${1##*/}
	echo "${name%.*}"
}

# is_allowed NAME PART: whether tests/skips.allowed lists it, for this kind of build.
is_allowed() {
	case $2 in all) set -- "$1" ;; *) set -- "$1:$2" ;; esac
	awk -v one="$1" -v kind="$(basename "$SPILLWAY_BIN")/$1" \
		'NF > 1 && ($1 == one || $1 == kind) { n = 1 } END { exit !n }' tests/skips.allowed
}

# skips LOG: what a test left out, "PART: reason" a line.
skips() {
	LC_ALL=C sed -n -e 's/^[[:space:]]*[Ss]kipped *: *//p' \
		-e '/listed below/d' -e 's/^\[  SKIPPED \] *\([A-Za-z0-9_]*\).*/\1: skip()/p' "$1" | sort -u
}

# skips_judge NAME: prints each of $log; a part that is not listed is a failure.
skips_judge() {
	skips "$log" | while read -r skip; do
		part=${skip%%: *}
		if is_allowed "$1" "$part"; then
			echo "skip  $1: $skip"
			[ "$part" = all ] && echo whole >>"$log.end"
		else
			echo "FAIL  $1: skipped $skip; tests/skips.allowed does not list it"
			echo unlisted >>"$log.end"
		fi
		echo skipped >>"$log.end"
	done
}

# failure NAME WHY: and the lines of its log that tell most.
failure() {
	echo failed >>"$log.end"
	echo "FAIL  $1: $2"
	grep -a -E 'FAILED|SEED|Sanitizer|error|\.c:[0-9]+' "$log" | head -n 40
	tail -n 15 "$log"
}

# end_judge NAME STATUS SECONDS: what became of a test whose log is $log.
end_judge() {
	if { [ "$2" = 124 ] || [ "$2" = 137 ]; } && [ "$3" -ge "$TEST_S" ]; then
		failure "$1" "timed out after $TEST_S s"
	elif [ "$2" != 0 ]; then
		failure "$1" "exit status $2"
	elif grep -a -q '^\[==========\].* Running 0 test' "$log"; then
		failure "$1" "it has no test"
	elif grep -q unlisted "$log.end"; then
		echo failed >>"$log.end"
	elif ! grep -q whole "$log.end"; then
		n=$(grep -a -c '^\[       OK' "$log")
		[ "$n" != 0 ] || n=$(grep -a -v ' Killed  ' "$log" | tail -n 1)
		[ "$3" -lt 10 ] && took='' || took=", $3 s"
		echo passed >>"$log.end"
		printf 'ok    %s (%s)\n' "$1" "${n:-done}$took"
	fi
}

# one PATH: runs a test; its results go to $log.end, a word a line.
one() {
	name=$(name_of "$1") log=$logs/$(name_of "$1")
	: >"$log" && : >"$log.end"
	case $1 in
	none/*)
		failure "$name" "there are none to run"
		return
		;;
	*/protocol-tables) set -- "$1" check docs/protocol.md ;;
	esac
	if [ ! -x "$1" ]; then
		failure "$name" "there is no program $1"
		return
	fi
	begun=$(date +%s)
	timeout --kill-after=20 "$TEST_S" "$@" >"$log" 2>&1
	status=$?
	# In one piece, for others print at the same time.
	told=$(skips_judge "$name"; end_judge "$name" $status $(($(date +%s) - begun)))
	printf '%s\n' "$told"
}

# units: the program of each tests/**/test_*.c, whether it was built or not.
units() {
	find tests -name 'test_*.c' | sort | sed "s,\(.*\)\.c\$,$SPILLWAY_BIN/\1,"
}

# scripts FOLDER: those in it.
scripts() {
	find "tests/$1" -name '*.sh' 2>/dev/null | sort
}

# some WHAT PATH...: prints them, a line each; without any the set has failed.
some() {
	what=$1
	shift
	[ $# -gt 0 ] || set -- "none/$what"
	printf '%s\n' "$@"
}

# paths WHAT: the tests of it, those that take long first.
paths() {
	# shellcheck disable=SC2046 # lists of paths without blanks
	case $1 in
	check)
		some end-to-end-tests $(scripts e2e)
		some unit-tests $(units)
		some house tests/house.py
		some protocol-tables "$SPILLWAY_BIN/protocol-tables"
		;;
	proof) some proofs $(scripts proof) ;;
	soak) some soaks $(grep -l PROOF_S $(scripts proof) /dev/null) ;;
	*) echo "$1" ;;
	esac
}

if [ "${1:-}" = --one ]; then
	one "$2"
	exit
fi
[ $# -ge 2 ] || { echo "usage: run.sh BUILD check|proof|soak|PATH..." >&2; exit 2; }
SPILLWAY_BIN=$(cd "$1" && pwd) || exit 1
shift
case " $* " in
*' soak '*)
	soak=${SOAK_S:-600}
	export PROOF_S="$soak"
	: "${TEST_S:=$((1200 + 10 * soak))}"
	;;
esac
export SPILLWAY_BIN NO_COLOR=1 logs="$SPILLWAY_BIN/tests/logs" TEST_S="${TEST_S:-1200}"
mkdir -p "$logs" || exit 1
tests=$(for what; do paths "$what"; done)
# shellcheck disable=SC2086 # lists of paths without blanks, here and below
names=$(for t in $tests; do name_of "$t"; done)
twice=$(printf '%s\n' $names | sort | uniq -d)
if [ -n "$twice" ]; then
	echo "FAIL  there are two tests of one name:" $twice
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
for n in $names; do rm -rf "$logs/$n.end" || exit 1; done
printf '%s\n' $tests | xargs -n 1 -P "${TEST_JOBS:-$(($(nproc) + 1))}" "$0" --one

# Counted here, so that a result that could not be written is a failure too.
passed=0 failed=0 skipped=0
for n in $names; do
	e=$logs/$n.end
	if grep -qsx failed "$e"; then
		failed=$((failed + 1))
	elif grep -qsx passed "$e"; then
		passed=$((passed + 1))
	elif ! grep -qsx whole "$e"; then
		echo "FAIL  $n: it has no result"
		failed=$((failed + 1))
	fi
	left_out=$(grep -csx skipped "$e")
	skipped=$((skipped + ${left_out:-0}))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
