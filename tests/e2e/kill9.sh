#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# P1, P2, P7: what was confirmed is there after kill -9 of the broker, again
# and again, and the restart needs nothing.
. "$(dirname "$0")/../lib/e2e_lib.sh"

confirmed_at_least() {
	[ "$(wc -l <"$dir/confirmed")" -ge "$1" ]
}

for round in 1 2 3 4 5; do
	broker_start
	for i in $(seq 20); do
		spillway put q "round $round job $i" >>"$dir/confirmed"
	done
	# A producer is cut off in the middle; what it printed was confirmed.
	(for i in $(seq 1000); do spillway put q "more $i" --timeout 5 || exit; done) \
		>>"$dir/confirmed" 2>/dev/null &
	producer=$!
	pids+=("$producer")
	until_true confirmed_at_least $((round * 30))
	kill -9 "$broker"
	kill -9 "$producer" 2>/dev/null || :
	wait "$broker" "$producer" 2>/dev/null || :
done
broker_start
# A last put of a producer that was cut off may still be on its way.
cp "$dir/confirmed" "$dir/asked"
confirmed=$(wc -l <"$dir/asked")
xargs -n 50 spillway --broker-timeout "${DEADLINE_S}s" get --json <"$dir/asked" >"$dir/found"
[ "$(grep -c '"state":"ready"' "$dir/found")" = "$confirmed" ] ||
	fail "$confirmed confirmed, $(wc -l <"$dir/found") found"
[ "$(count q ready)" -ge "$confirmed" ] || fail "counter below what is there"
echo "$confirmed confirmed, all found"
