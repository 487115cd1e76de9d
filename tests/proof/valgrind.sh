#!/bin/sh
# SPDX-License-Identifier: MIT
# The unit tests under memcheck: nothing unset decides, is written or sent, nothing is lost.
# What is wrong in a forked child ends it with 99, and its parent's test fails; what a
# child has not freed at its end is no leak.  VALGRIND_ALL=1 runs the slow ones too, and
# VALGRIND='test_msg test_core' these alone.
# Always left out: test_accept takes all descriptors and test_guard measures memory, of
# which valgrind has its own; test_transcode puts programs into a sandbox, and memcheck
# does not live in one; test_corpus_core does for two minutes what test_core does;
# test_store_lmdb and test_repair_lmdb map 64 GiB, for which memcheck has no room;
# test_cmd_real waits for a broker by pidfd_open(2), which memcheck does not know;
# test_cgroup starts children by vfork(2), of which memcheck makes a fork(2), so that a
# child cannot leave its parent the reason of a failed start; test_spawn_cgroup starts
# /proc/self/exe as the spawner, which is valgrind then.
set -u
b=${SPILLWAY_BIN:?"must be the build folder"}
case $b in *asan | *tsan) echo "skipped: all: a sanitizer is in it already"; exit ;; esac
never='test_(cmd_real|cgroup|spawn_cgroup|accept|guard|transcode|corpus_core|store_lmdb|repair_lmdb)'
slow='test_(blob|edge|random|rate|store)'
[ -z "${VALGRIND_ALL:-}" ] || slow=$never
tests=${VALGRIND:-$(cd "$b/tests" && find . -name 'test_*' -executable -type f | grep -vE "/($never|$slow)\$" | sort)}
logs=$b/tests/valgrind
# What takes a second takes half a minute here.
export NO_COLOR=1 DEADLINE_S="${DEADLINE_S:-480}"
rm -rf "$logs" && mkdir -p "$logs"
# shellcheck disable=SC2086 # a list of names
set -- $tests
[ $# -gt 0 ] || { echo "FAILED: there are no unit tests in $b"; exit 1; }
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c '
	log=$3/$(basename "$2")
	timeout "$DEADLINE_S" valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=none --child-silent-after-fork=yes \
		--suppressions=tests/valgrind.supp "$1/tests/$2" >"$log" 2>&1 &&
		! grep -a -q "definitely lost" "$log" && exit
	echo "FAILED: $2"
	grep -a -E "^==|FAILED|SEED|ERROR|LINE" "$log" | head -n 60
	exit 1' valgrind "$b" {} "$logs" || exit 1
echo "$# tests without a word from memcheck"
