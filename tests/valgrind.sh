#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.sh BUILD [TEST...]: the unit tests under memcheck.  What is wrong in a
# forked child ends it with 99, and its parent's test fails; what a child has
# not freed when it ends is no leak.
# Left out: test_accept takes all descriptors and test_guard measures memory,
# of which valgrind has its own; test_corpus_core, 108 s of what test_core does.
set -u
b=$1
shift
export SPILLWAY_BIN="$b" NO_COLOR=1
[ $# -gt 0 ] || set -- $(find "$b"/tests -name 'test_*' -executable -type f | sort |
	sed 's,.*/,,' | grep -vxE 'test_(accept|guard|corpus_core)')
mkdir -p "$b/tests/valgrind"
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c '
	log=$1/tests/valgrind/$2
	timeout 300 valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=none --child-silent-after-fork=yes \
		--suppressions=tests/valgrind.supp "$1/tests/$2" >"$log" 2>&1 &&
		! grep -a -q "definitely lost" "$log" && exit
	echo "FAIL  $2"
	grep -a -E "^==|FAILED|SEED|ERROR|LINE" "$log" | head -n 60
	exit 1' valgrind "$b" {}
