#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGHUP: the broker reads its file anew and logs what is different; a file that is
# wrong changes nothing.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# config LINE...: the file from now on.
config() { printf '%s\n' "$@" >"$dir/b.conf"; }

# more_lines N EVENT
more_lines() { [ "$(grep -c "ev=$2" "$dir/broker.log")" -gt "$1" ]; }

# hup EVENT: SIGHUP, and waits for one more line of that event.
hup() {
	local n
	n=$(grep -c "ev=$1 " "$dir/broker.log" || :)
	kill -HUP "$broker"
	until_true more_lines "$n" "$1 "
}

# logged TEXT: a line of the broker's log has it.
logged() { until_true grep -qF -- "$1" "$dir/broker.log"; }

# SIGHUP before the broker serves, here before its store is open, is taken later.
config '[queue early]' 'max_attempts = 3'
: >"$dir/broker.log"
STOP_FILE="$dir/stopped" STOP_WHILE=/ LD_PRELOAD="$b/tests/faults/preload_stop.so" ASAN_OPTIONS=verify_asan_link_order=0 \
	spillway-broker --data "$dir/early" --listen "$SPILLWAY_BROKER" --config "$dir/b.conf" 2>"$dir/broker.log" &
broker=$!
pids+=("$broker")
until_true grep -q . "$dir/stopped"
until_true grep -q '^State:.T' "/proc/$broker/status"
config '[queue early]' 'max_attempts = 4'
kill -HUP "$broker"
kill -CONT "$broker"
logged 'ev=reload queue=early key=max_attempts old=3 new=4 effect=now'
kill "$broker" && wait "$broker"

config '[broker]' 'map_size = 1g' '[queue mail]' 'paused = yes' 'rate = 5' '[queue new]' 'max_attempts = 6'
broker_start --config "$dir/b.conf"
spillway put mail one >/dev/null
worker_start w --queue mail=noop

# What differs is logged and holds at once; a key of the broker's own may have to
# wait for the next start.
config '[broker]' 'map_size = 2g' 'link_memory = 64m' '[queue mail]' 'paused = no' '[queue new]' 'max_attempts = 7'
hup reload-done
logged 'ev=reload section=broker key=map_size old=1g new=2g effect="at the next start"'
logged 'ev=reload section=broker key=link_memory old=256m new=64m effect=now'
logged 'ev=reload queue=mail key=paused old=yes new=no effect=now'
logged 'ev=reload queue=new key=max_attempts old=6 new=7 effect=now'
logged 'ev=reload section="queue mail" key=rate old=5 new="" effect="none: the queue keeps the value"'
until_true count_is 1 mail done_total
kill -0 "$broker" || fail "SIGHUP has ended the broker"

# A file that is wrong changes nothing, and the line says where.
config '[queue new]' 'max_attempts = 9' '[queue mail]' 'paused = perhaps'
hup reload-refused
logged "ev=reload-refused why=\"$dir/b.conf:4: paused is 'perhaps'"
spillway queue show new >"$dir/said"
grep -Eq '^ *max_attempts +7' "$dir/said" || fail "$(cat "$dir/said")"
rm "$dir/b.conf"
hup reload-refused
logged "ev=reload-refused why=\"$dir/b.conf: No such file"

# What 'queue set' has changed is as the file says again; then nothing differs.
config '[broker]' 'map_size = 2g' 'link_memory = 64m' '[queue new]' 'max_attempts = 7'
spillway queue set new max_attempts=3 >/dev/null
hup reload-done
logged 'ev=reload queue=new key=max_attempts old=3 new=7 effect=now'
n=$(grep -c 'ev=reload ' "$dir/broker.log")
hup reload-done
spillway put mail two >/dev/null
until_true count_is 2 mail done_total
[ "$(grep -c 'ev=reload ' "$dir/broker.log")" = "$n" ] || fail "$(cat "$dir/broker.log")"

# It is durable: a kill later the settings are there.
kill -9 "$broker"
wait "$broker" 2>/dev/null || :
broker_start
spillway queue show new | grep -Eq '^ *max_attempts +7' || fail "the setting was lost"
echo "reload: what differs is logged and holds"
