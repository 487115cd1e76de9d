#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# P10: the broker, then broker and worker together, as when the machine sleeps,
# are stopped for longer than a lease.  No running job loses its lease.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
export EFFECT=$dir/effect
jobs=16

# Runs until the gate opens; tells each of its attempts.
cat >"$dir/gate" <<'S'
#!/bin/sh
echo "$SPILLWAY_ATTEMPT" >>"$EFFECT.begun"
until [ -e "$EFFECT.open" ]; do
	sleep 0.1
done
S
chmod +x "$dir/gate"

begun_are() {
	[ "$(cat "$EFFECT.begun" 2>/dev/null | wc -l)" -ge "$1" ]
}

# The broker knows that all of them have begun.
all_are_begun() {
	[ "$(xargs spillway get --json <"$dir/ids" | grep -c '"begun":1')" = "$jobs" ]
}

# stop SECONDS PROCESS...: all at once; the time is what is tested.
stop() {
	local seconds=$1
	shift
	kill -STOP "$@"
	read -rt "$seconds" <> <(:) || :
	kill -CONT "$@"
}

broker_start
spillway queue set gate max_attempts=1 timeout_ms=1h
worker_start one --slots $jobs --queue "gate=exec:$dir/gate"
for _ in $(seq $jobs); do spillway put gate x; done >"$dir/ids"
until_true begun_are $jobs
until_true all_are_begun
stop 6 "$broker"
until_true grep -q ev=stall "$dir/broker.log"
all_are_begun || fail "jobs were lost as the broker was stopped"
: >"$dir/broker.log"
stop 6 "$broker" "$worker"
until_true grep -q ev=stall "$dir/broker.log"
all_are_begun || fail "jobs were lost as the machine was stopped"
touch "$EFFECT.open"
until_true count_is $jobs gate done_total
[ "$(wc -l <"$EFFECT.begun")" = $jobs ] || fail "a job ran twice"
echo "$jobs jobs over two stalls of 6 s"
