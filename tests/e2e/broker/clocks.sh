#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The broker's wall clock is set by a day and by hours, and the broker started
# anew: ids are remembered, the order of jobs stays, nothing lasts less than no
# time, and only a job that waits for a time of day follows the clock.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

export WALL_FILE="$dir/wall"
day=86400000 hour=3600000
ahead() { echo "$1" >"$dir/wall.new" && mv "$dir/wall.new" "$WALL_FILE"; }
ahead 0
start() {
	: >"$dir/broker.log"
	LD_PRELOAD="$b/tests/faults/preload_wall.so" ASAN_OPTIONS=verify_asan_link_order=0 \
		spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>>"$dir/broker.log" &
	broker=$!
	pids+=("$broker")
	until_true grep -q ev=ready "$dir/broker.log"
}
restart() { kill -9 "$broker" && wait "$broker" || :; start; }
state() { spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])'; }
is() { [ "$(state "$1")" = "$2" ]; }
put() { spillway put q "$@"; }
export RAN="$dir/ran"
: >"$RAN"
job='exec:sh -c "cat >>$RAN; echo >>$RAN"'

start
# An id is remembered for its retention.
id=$(put once)
worker_start w --queue "q=$job" --slots 1
spillway wait "$id" --timeout "${DEADLINE_S}s" >/dev/null
ahead "$day"
for _ in 1 2; do
	put once --id "$id" >/dev/null
	is "$id" done || fail "the id is forgotten: $(state "$id")"
	restart
	ahead 0
done
[ "$(cat "$RAN")" = once ] || fail "the job ran again: $(cat "$RAN")"

# The order of jobs.
spillway pause q >/dev/null
put 1 >/dev/null
ahead $((-2 * hour))
put 2 >/dev/null
ahead "$day"
put 3 >/dev/null
restart
ahead 0
last=$(put 4)
spillway resume q >/dev/null
spillway wait "$last" --timeout "${DEADLINE_S}s" >/dev/null
[ "$(tr '\n' ' ' <"$RAN")" = "once 1 2 3 4 " ] || fail "the order is $(cat "$RAN")"

# No attempt has lasted less than no time.
worker_start slow --queue "slow=exec:cat $dir/gate"
mkfifo "$dir/gate"
id=$(spillway put slow x)
until_true is "$id" leased
ahead $((-day))
echo >"$dir/gate"
spillway wait "$id" --timeout "${DEADLINE_S}s" >/dev/null
spillway get "$id" --json | python3 -c '
import json, sys
for e in json.load(sys.stdin)["events"]:
    assert 0 <= e.get("duration_ms", 0) < 3600000, e'

# A delay is a delay, a time of day is one.
spillway pause q >/dev/null
ahead 0
delayed=$(put x --delay 1h)
at=$(put x --at "$(date -ud '+1 hour' +%FT%TZ)")
ahead $((2 * hour))
until_true is "$at" ready
is "$delayed" delayed || fail "a delay was cut short by the clock"
echo "the wall clock was set to and fro: ids, order, durations and delays stayed"
