#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Disk space that deleted jobs have used: the figure in `spillway stats`, and
# spillway-repair --compact, which a kill -9 half-way does not harm.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

JOBS=20000

stat() { spillway stats --json | python3 -c "import json, sys; print(json.load(sys.stdin)['store_$1_pages'])"; }
compact() { spillway-repair --data "$dir/data" --compact; }
stop() { kill "$broker" && wait "$broker"; }
bytes() { du -k "$dir/data/data.mdb" | cut -f1; }

broker_start
python3 -c "
for i in range($JOBS):
    print('%0500d' % i)" >"$dir/lines"
kept=$(spillway put kept "the one that stays")
spillway put q --lines "$dir/lines" --each >/dev/null
stop
broker_start
used=$(stat used)
[ "$(stat free)" -lt $((used / 4)) ] || fail "$(stat free) of $used pages are free"
spillway purge queue=q state=ready --yes >/dev/null
stop
broker_start # a checkpoint
[ "$(stat free)" -gt $((used * 3 / 4)) ] || fail "only $(stat free) of $used pages are free"
refused 75 "process [0-9]+ has the store open" compact
stop
before=$(bytes)
refused 64 "exclude each other" spillway-repair --data "$dir/data" --compact --rebuild

# Killed with the new file half-written: the old one is in its place.
STOP_FILE="$dir/pid" STOP_WHILE="$dir/data/data.mdb.part" LD_PRELOAD="$b/tests/faults/preload_stop.so" ASAN_OPTIONS=verify_asan_link_order=0 \
	spillway-repair --data "$dir/data" --compact >/dev/null 2>&1 &
repair=$!
until_true grep -q . "$dir/pid"
until_true grep -q '^State:.T' "/proc/$(cat "$dir/pid")/status"
kill -9 "$(cat "$dir/pid")"
wait "$repair" 2>/dev/null || :
broker_start
[ "$(spillway get "$kept" --body)" = "the one that stays" ] || fail "the job is gone"
stop

compact >"$dir/said" || fail "$(cat "$dir/said")"
grep -q "^data.mdb compacted: [0-9]* pages, before [0-9]*$" "$dir/said" || fail "$(cat "$dir/said")"
grep -q "^1 jobs, .*: all in order" "$dir/said" || fail "$(cat "$dir/said")"
[ "$(bytes)" -lt "$before" ] || fail "$(bytes) KB, before $before"
broker_start
[ "$(stat used)" -lt 100 ] || fail "$(stat used) pages are used"
[ "$(stat free)" -lt 50 ] || fail "$(stat free) pages are free"
[ "$(spillway get "$kept" --body)" = "the one that stays" ] || fail "the job is gone"
