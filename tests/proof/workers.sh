#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A worker with everything at once, for PROOF_S seconds (60): 1,000 slots, most
# of them busy, short commands without a pause, jobs that leave 400,000 files
# (fewer in a run below 600 s), floods of output to a log that nobody reads, and
# both processors busy.  No lease is lost, nothing is left: no file, no
# descriptor, no process, and little memory.
. "$(dirname "$0")/../lib/e2e_lib.sh"
seconds=${PROOF_S:-60}
files=$((400000 * (seconds < 600 ? seconds : 600) / 600))
mkdir "$dir/tmp"
export TMPDIR="$dir/tmp"

files_of() { ls "/proc/$1/fd" | wc -l; }

# batch QUEUE N: that many jobs
batch() {
	seq -w 10000 $((9999 + $2)) >"$dir/$1.lines"
	spillway put "$1" --lines "$dir/$1.lines" --chunk 6 >/dev/null
}

waiting() { echo $(($(count "$1" ready leased delayed))); }
idle() { [ "$(count "$1" ready leased delayed)" = 0 ]; }
files_are_as_before() { [ "$(files_of "$worker") $(files_of "$spawner")" = "$before" ]; }
no_process_is_left() { [ -z "$(tr -d ' ' <"/proc/$spawner/task/$spawner/children")" ]; }
folders_are_gone() { [ "$(find "$dir/tmp" -mindepth 2 ! -name gone | wc -l)" = 0 ]; }

broker_start
# One attempt: a lease that is lost leaves a dead job.
for q in long short litter flood; do
	spillway queue set $q max_attempts=1 max_crashes=1 timeout_ms=1h lease_ms=10s
done
mkfifo "$dir/mute"
exec 9<>"$dir/mute"
spillway-worker --name all --slots 1000 --log-output \
	--queue "long=exec:sleep 3" --queue "short=exec:true" \
	--queue "litter=exec:/usr/bin/python3 -c 'for i in range($files): open(str(i), \"w\")'" \
	--queue "flood=exec:sh -c 'yes a line of output | head -c 2000000'" 2>"$dir/mute" &
worker=$!
pids+=("$worker")
until_true count_is 1000 long slots_free
spawner=$(tr -d ' ' <"/proc/$worker/task/$worker/children")
before="$(files_of "$worker") $(files_of "$spawner")"
for i in 1 2; do
	(while :; do :; done) &
	busy[i]=$!
	pids+=("$!")
done
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
	[ "$(waiting long)" -gt 900 ] || batch long 500
	[ "$(waiting short)" -gt 500 ] || batch short 1000
	[ "$(waiting litter)" -gt 1 ] || batch litter 1
	[ "$(waiting flood)" -gt 1 ] || batch flood 2
done
kill "${busy[@]}"
DEADLINE_S=$((DEADLINE_S + 2 * seconds)) # the last job may have all its files to make
for q in long short litter flood; do
	until_true idle $q
	[ "$(count $q dead)" = 0 ] || fail "$q: $(count $q dead) dead: $(spillway dead list --json | head -n 2)"
	done_n="${done_n:-}$q $(count $q done_total), "
done
until_true folders_are_gone
until_true files_are_as_before
until_true no_process_is_left
held_kb=$(awk '/RssAnon/ { print $2 }' "/proc/$worker/status")
[ "$held_kb" -lt 131072 ] || fail "the worker holds $held_kb KB"
kill -TERM "$worker"
wait "$worker" || fail "drain"
echo "${done_n}$files files at a time; none lost, nothing left, $held_kb KB held"
