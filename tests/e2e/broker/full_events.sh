#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The broker's log says once that the store is full, and why, and once that it no
# longer is; and that clients are refused for want of descriptors.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

lines() { grep -c "ev=$1" "$dir/broker.log" || :; }

ulimit -n 64
broker_start --map-size 8m
spillway queue set work retain_done_ms=0 >/dev/null
head -c 100000 /dev/zero | tr '\0' x >"$dir/body"
n=0
while spillway put work - <"$dir/body" >/dev/null 2>"$dir/refusal"; do n=$((n + 1)); done
grep -q "the store is full" "$dir/refusal" || fail "$(cat "$dir/refusal")"
for i in 1 2 3; do
	! spillway put work - <"$dir/body" >/dev/null 2>&1 || fail "put $i is taken"
done
[ "$(lines store-full)" = 1 ] || fail "$(lines store-full) lines of store-full"
grep -q 'ev=store-full .*why="90 % of --map-size' "$dir/broker.log" || fail "$(cat "$dir/broker.log")"
worker_start drain --queue work=noop
until_true count_is "$n" work done_total
until_true grep -q ev=store-over "$dir/broker.log"
[ "$(lines store-over), $(lines store-full)" = "1, 1" ] || fail "$(cat "$dir/broker.log")"
spillway put work - <"$dir/body" >/dev/null || fail "not taken after store-over"

# More clients than the broker has descriptors.
python3 -c '
import signal, socket, sys
open_ = [socket.socket(socket.AF_UNIX) for _ in range(50)]
for s in open_:
    s.connect(sys.argv[1])
open(sys.argv[2], "w")
signal.pause()' "${SPILLWAY_BROKER#ipc://}" "$dir/connected" &
crowd=$!
pids+=("$crowd")
until_true test -e "$dir/connected"
until_true grep -q "ev=clients-refused n=[0-9]* limit=64" "$dir/broker.log"
{ kill -9 "$crowd" && wait "$crowd" || :; } 2>/dev/null
spillway put work - <"$dir/body" >/dev/null || fail "not taken after the crowd"
echo "a full store and a full table of descriptors are in the log, once"
