#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A backup of a broker under load has all that was confirmed before it was asked
# for, and whatever ends it half-way leaves no folder that looks like a store.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# The broker finds its copier beside itself: one that stops half-way while there
# is a file "stops".
mkdir "$dir/bin"
cp "$b/spillway-broker" "$dir/bin"
cat >"$dir/bin/spillway-repair" <<S
#!/bin/sh
[ -e "$dir/stops" ] || exec "$b/spillway-repair" "\$@"
export STOP_FILE="$dir/copier" STOP_WHILE="$dir/stops" LD_PRELOAD="$b/tests/faults/preload_stop.so" ASAN_OPTIONS=verify_asan_link_order=0
exec "$b/spillway-repair" "\$@"
S
chmod +x "$dir/bin/spillway-repair"
export PATH="$dir/bin:$PATH"

# Puts until the file "enough" is there; "confirmed" has the ids.
load() {
	while [ ! -e "$dir/enough" ]; do
		spillway put load "a body" >>"$dir/confirmed" 2>/dev/null || :
	done
}

# begin FOLDER [OPTION …]: a backup that has stopped half-way; its output is in "said".
begin() {
	local folder=$1
	shift
	rm -f "$dir/copier"
	: >"$dir/stops"
	command spillway backup "$folder" "$@" >"$dir/said" 2>&1 &
	asked=$!
	until_true grep -q . "$dir/copier"
	copier=$(cat "$dir/copier")
	until_true grep -q '^State:.T' "/proc/$copier/status"
	rm -f "$dir/stops"
	[ -e "$folder/unfinished" ] || fail "$folder has no mark"
}

# goes_on FOLDER: the copier of begin, to its end.
goes_on() {
	kill -CONT "$copier"
	wait "$asked"
}

more_than() { [ "$(wc -l <"$dir/confirmed")" -gt "$1" ]; }
gone() { [ ! -e "$1" ]; }

broker_start
worker_start w --queue run=noop
spillway put run '' >"$dir/ran"
spillway wait "$(cat "$dir/ran")" >/dev/null
spillway put dead-end '' --expires "$(date -u -d yesterday +%FT%TZ)" >/dev/null
until_true count_is 1 dead-end dead
: >"$dir/confirmed"
load &
loader=$!
pids+=("$loader")
until_true more_than 20

# --- a backup under load, its restore beside the source ---
cp "$dir/confirmed" "$dir/before"
begin "$dir/copy"
n=$(wc -l <"$dir/confirmed")
until_true more_than $((n + 5)) # the copy stands, and the broker serves
refused 1 "a backup to $dir/copy is being made" spillway backup "$dir/other"
goes_on || fail "$(cat "$dir/said")"
grep -q "^$dir/copy: [0-9,]* jobs, .* checked, in " "$dir/said" || fail "$(cat "$dir/said")"
grep -q "ev=backup-made to=$dir/copy jobs=" "$dir/broker.log" || fail "no log of it"
[ "$(ls "$dir/copy" | tr '\n' ' ')" = "data.mdb journal " ] || fail "$(ls "$dir/copy")"
spillway-repair --data "$dir/copy" | grep -q ': all in order$' || fail "not in order"

export SPILLWAY_BROKER2="ipc://$dir/r.sock"
: >"$dir/restored.log"
spillway-broker --data "$dir/copy" --listen "$SPILLWAY_BROKER2" 2>>"$dir/restored.log" &
restored=$!
pids+=("$restored")
until_true grep -q ev=ready "$dir/restored.log"
spillway export --broker "$SPILLWAY_BROKER2" >"$dir/has"
while read -r id; do
	grep -q "\"id\":\"$id\"" "$dir/has" || fail "$id was confirmed before, and is not in the copy"
done <"$dir/before"
grep -q '"queue":"dead-end".*"state":"dead"' "$dir/has" || fail "no dead job"
kill "$restored" && wait "$restored"

# --- a copier that is not the one of this broker ---
mv "$dir/bin/spillway-repair" "$dir/bin/copier"
for says in 'exit 3' 'echo hello'; do
	printf '#!/bin/sh\n%s\n' "$says" >"$dir/bin/spillway-repair"
	chmod +x "$dir/bin/spillway-repair"
	refused 1 "spillway-repair has ended with status [03] and no result" spillway backup "$dir/none"
done
mv "$dir/bin/copier" "$dir/bin/spillway-repair"

# --- refused by name ---
refused 1 "$dir/copy: the folder is not empty" spillway backup "$dir/copy"
refused 1 "/dev/null/x: Not a directory" spillway backup /dev/null/x
refused 1 "$dir/none/x: No such file or directory" spillway backup "$dir/none/x"
mkdir "$dir/data/inside"
ln -s "$dir/data/inside" "$dir/way"
for inside in "$dir/data/x" "$dir/way" "$dir/data/inside/../x"; do
	refused 1 "$inside: the folder is inside the store" spillway backup "$inside"
done
rmdir "$dir/data/inside" # and nothing else is left there
[ ! -e "$dir/data/x" ] || fail "a refused backup left a folder"
refused 2 "at most 512 bytes" spillway backup "/$(printf '%0600d' 1)"
(cd "$dir" && spillway backup relative --json) | grep -q "\"folder\":\"$dir/relative\"" ||
	fail "a relative path"
[ -e "$dir/relative/data.mdb" ] || fail "a relative path is not of the command's folder"

# --- a broker that was started with SIGCHLD ignored learns how its copier ended ---
kill "$broker" && wait "$broker"
cat >"$dir/bin/ignores" <<'S'
#!/usr/bin/env python3
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp("spillway-broker", ["spillway-broker"] + sys.argv[1:])
S
chmod +x "$dir/bin/ignores"
: >"$dir/broker.log"
ignores --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>>"$dir/broker.log" &
broker=$!
pids+=("$broker")
until_true grep -q ev=ready "$dir/broker.log"
spillway backup "$dir/ignored" >"$dir/said" 2>&1 || fail "$(cat "$dir/said")"

# --- the copier is killed ---
begin "$dir/killed"
kill -9 "$copier"
! wait "$asked" || fail "a killed copier made a backup"
grep -q "signal 9 has ended spillway-repair" "$dir/said" || fail "$(cat "$dir/said")"
grep -q "ev=backup-failed to=$dir/killed" "$dir/broker.log" || fail "no log of it"
refused 1 "has a backup that was not completed" spillway backup "$dir/killed"
refused 70 'a backup that was not completed; delete the folder' spillway-broker \
	--data "$dir/killed" --listen "$SPILLWAY_BROKER2"

# --- the broker is killed: its client asks again, and the next broker makes it ---
cp "$dir/confirmed" "$dir/before"
begin "$dir/lost" --broker-timeout "${DEADLINE_S}s"
kill -9 "$broker" && wait "$broker" || :
kill -CONT "$copier"
until_true gone "$dir/lost"
broker_start
wait "$asked" || fail "$(cat "$dir/said")"
spillway-repair --data "$dir/lost" | grep -q ': all in order$' || fail "not in order"
spillway export >"$dir/has"
while read -r id; do
	grep -q "\"id\":\"$id\"" "$dir/has" || fail "$id was confirmed before the kill"
done <"$dir/before"

# --- the broker is stopped: no file is left, and its client ends too ---
: >"$dir/enough"
wait "$loader"
begin "$dir/stopped"
kill "$broker"
wait "$broker" || fail "the broker did not stop in order"
[ ! -e "$dir/stopped" ] || fail "a stopped broker left $(ls "$dir/stopped")"
grep -q "ev=backup-failed to=$dir/stopped text=\"the broker ends\"" "$dir/broker.log" ||
	fail "no log of it"
spillway-repair --data "$dir/data" | grep -q ': all in order$' || fail "not in order"
rc=0
wait "$asked" || rc=$?
[ $rc = 4 ] || fail "a command without a broker ends with $rc"
grep -q "the outcome is unknown: no broker at $SPILLWAY_BROKER for 15 s" "$dir/said" ||
	fail "$(cat "$dir/said")"
