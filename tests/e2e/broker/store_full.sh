#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A commit for which the store has no room: the turn is dropped, puts are
# refused by name, nothing confirmed is lost, and what waits can run.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# Eight jobs in one message, of which a turn makes one commit of a megabyte: the
# fourth finds the store filled to 83 %, so that it is tried.
for i in 1 2 3 4 5 6 7 8; do
	head -c 120000 /dev/zero | tr '\0' "$i"
	echo
done >"$dir/lines"
commits() { spillway stats --json | sed -n 's/.*"commits":\([0-9]*\).*/\1/p'; }

broker_start --map-size 3584k
spillway queue set q retain_done_ms=0
stored=0
while before=$(commits) && spillway put q --lines "$dir/lines" 2>"$dir/said"; do
	stored=$((stored + 8))
	[ $stored -lt 100 ] || fail "12 MB in a store of 3.5"
done
[ "$(grep -c "not stored: the store is full" "$dir/said")" = 8 ] || fail "not refused by name: $(cat "$dir/said")"
[ $stored -ge 16 ] || fail "only $stored jobs fitted"
kill -0 "$broker" || fail "the broker has ended"
# The core was read anew from the store, and counts its commits from there.
[ "$(commits)" -lt "$before" ] || fail "no commit has failed: $(commits) commits, $before before"
[ "$(count q ready)" = $stored ] || fail "$stored confirmed, $(count q ready) there"

kill -9 "$broker" && wait "$broker" || :
broker_start --map-size 3584k
[ "$(count q ready)" = $stored ] || fail "after a restart $(count q ready) of $stored are there"
worker_start one --queue q=noop
until_true count_is $stored q done_total
until_true spillway put q small
echo "$stored stored, 8 refused, all run"
