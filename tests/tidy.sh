#!/bin/sh
# SPDX-License-Identifier: MIT
# tidy.sh FOLDER...: what clang-tidy, gcc's analyzer and cppcheck say; nothing is well.
# Of gcc 12's analyzer two checks are out: it loses what is kept in a structure or
# filled through a pointer, and both are looked for at run time by valgrind.  It
# does not see the tests: on some of them it takes minutes.
set -eu
flags='-std=c11 -D_GNU_SOURCE -DSPILLWAY_VERSION=\"\" -I producer -iquote .'
for d in "$@"; do
	ls "$d"/*.c >/dev/null || { echo "FAILED: there is no C file in $d"; exit 1; }
done
analyzer="-O1 -fanalyzer -Werror -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value"
each() {
	find "$@" -maxdepth 1 -name '*.c' | sort | xargs -P "$(nproc)" -n 4 sh -c "$run"
}
product=$(printf '%s\n' "$@" | grep -v "^tests")
bad=0
run="clang-tidy --quiet --warnings-as-errors='*' \"\$0\" \"\$@\" -- $flags 2>/dev/null"
each "$@" || bad=1
run="for f in \"\$0\" \"\$@\"; do gcc $flags $analyzer -c -o /dev/null \"\$f\" || exit 1; done"
# shellcheck disable=SC2086 # a list of folders
each $product || bad=1
# cppcheck takes uthash's loops for reads of what is not set and NULL for an int, and cannot
# read <sys/queue.h>.
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability -I . \
	--suppress=uninitvar --suppress=varFuncNullUB --suppress=syntaxError:front/caller.h -j "$(nproc)" "$@" || bad=1
exit $bad
