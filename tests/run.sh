#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD: runs all tests of a build, a line for each; the log of what failed.
set -u
b=$1
export SPILLWAY_BIN="$b" NO_COLOR=1
logs=$b/tests/logs
rm -rf "$logs" && mkdir -p "$logs"
passed=0 failed=0 skipped=0

run() {
	name=$1
	shift
	if timeout "${TEST_S:-300}" "$@" >"$logs/$name" 2>&1; then
		how=$(grep -a -m 1 '^skipped:' "$logs/$name") &&
			{ skipped=$((skipped + 1)); echo "skip  $name: ${how#skipped: }"; return; }
		n=$(grep -a -c '^\[       OK' "$logs/$name")
		passed=$((passed + 1))
		[ "$n" = 0 ] && n=$(tail -n 1 "$logs/$name")
		echo "ok    $name${n:+ ($n)}"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
		grep -a -E 'FAILED|SEED|Sanitizer|error|\.c:[0-9]+' "$logs/$name" | head -n 40
		tail -n 15 "$logs/$name"
	fi
}

for t in "$b"/tests/test_*; do
	case $t in *.o | *.d) continue ;; esac
	run "$(basename "$t")" "$t"
done
run protocol-tables "$b/protocol-tables" check docs/protocol.md
for s in tests/e2e/*.sh tests/proof/*.sh; do
	[ -e "$s" ] && run "$(basename "$s" .sh)" "$s" "$b"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
