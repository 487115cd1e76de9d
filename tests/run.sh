#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD: runs all tests of a build, one more at a time than there are
# processors, for many of them wait; a line for each, and the log of what
# failed.  TEST_JOBS=1: one after the other.
# run.sh BUILD TEST: one alone.
set -u
b=$1
export SPILLWAY_BIN="$b" NO_COLOR=1
# What runs for a time is brief for a person who waits, and not in CI.
[ -n "${CI:-}" ] || export BRIEF=y
logs=$b/tests/logs

# The command of a test, in $@ of who asks.
run() {
	name=$(basename "$1" .sh)
	log=$logs/$name
	begun=$(date +%s)
	case $1 in
	*.sh) set -- "$1" "$b" ;;
	*/protocol-tables) set -- "$1" check docs/protocol.md ;;
	esac
	if timeout "${TEST_S:-600}" "$@" >"$log" 2>&1; then
		if how=$(grep -a -m 1 '^skipped:' "$log"); then
			echo skipped >"$log.end"
			echo "skip  $name: ${how#skipped: }"
			return
		fi
		n=$(grep -a -c '^\[       OK' "$log")
		[ "$n" = 0 ] && n=$(grep -a -v ' Killed  ' "$log" | tail -n 1)
		took=$(($(date +%s) - begun))
		[ "$took" -lt 10 ] && took= || took=", $took s"
		echo passed >"$log.end"
		echo "ok    $name (${n:-done}$took)"
	else
		echo failed >"$log.end"
		echo "FAIL  $name
$(grep -a -E 'FAILED|SEED|Sanitizer|error|\.c:[0-9]+' "$log" | head -n 40)
$(tail -n 15 "$log")"
	fi
}

if [ $# = 2 ]; then
	run "$2"
	exit
fi
rm -rf "$logs" && mkdir -p "$logs"
# The longest first, so that no processor waits for the other at the end.
for t in tests/proof/*.sh tests/e2e/*.sh "$b"/tests/unit/*/test_* "$b"/tests/*/test_* "$b/protocol-tables"; do
	case $t in *.o | *.d) continue ;; esac
	echo "$t"
done | xargs -n 1 -P "${TEST_JOBS:-$(($(nproc) + 1))}" "$0" "$b"
count() { cat "$logs"/*.end | grep -c "$1"; }
failed=$(count failed)
echo "$(count passed) passed, $failed failed, $(count skipped) skipped"
[ "$failed" = 0 ]
