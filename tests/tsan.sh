#!/bin/sh
# SPDX-License-Identifier: MIT
# tsan.sh [TEST...]: the tests that have threads under ThreadSanitizer.
# The programs have one thread each; what is promised of threads is libspillway's:
# a client in each.  What libzmq, which is not built for it, does within itself is no news.
set -eu
# shellcheck disable=SC2046 # lists of names, here and below
[ $# -gt 0 ] || set -- $(grep -lE 'pthread_create|tests/lib/(api|command|local)\.h' tests/unit/*/test_*.c | sed 's,^tests/\(.*\)\.c,\1,')
[ $# -gt 0 ] || { echo "FAILED: no test has threads"; exit 1; }
b=build/tsan
# shellcheck disable=SC2046
make --no-print-directory -s KIND=tsan all $(printf "$b/tests/%s " "$@")
export SPILLWAY_BIN=$PWD/$b TSAN_OPTIONS="ignore_noninstrumented_modules=1 die_after_fork=0 exitcode=66"
mkdir -p $b/tests/logs
bad=0
for t in "$@"; do
	log=$b/tests/logs/$(basename "$t")
	if timeout 300 $b/tests/$t >"$log" 2>&1 && ! grep -q 'WARNING: ThreadSanitizer' "$log"; then
		echo "ok    $t"
	else
		bad=1
		echo "FAIL  $t"
		grep -a -E 'FAILED|ERROR|LINE' "$log" || :
		grep -a -A 30 'WARNING: ThreadSanitizer' "$log" | head -n 80 || :
	fi
done
exit $bad
