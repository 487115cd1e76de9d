#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Jobs and operators that mean harm, or have bad luck: what they do to a worker
# must not outlast them.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
mkdir "$dir/tmp"
export TMPDIR="$dir/tmp" EFFECT="$dir/effect"

# script NAME: the job's text on stdin; prints how to run it.
script() {
	{ echo '#!/bin/sh'; cat; } >"$dir/$1.sh"
	chmod +x "$dir/$1.sh"
	echo "exec:$dir/$1.sh"
}

# logged NAME EVENT N: so many lines of it in that worker's log.
logged() {
	[ "$(grep -c "ev=$2\\b" "$dir/$1.log")" = "$3" ]
}

# has_lines FILE N: or more
has_lines() {
	[ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]
}

# none_runs FILE: of the processes whose pids are in it; a zombie runs no more.
none_runs() {
	local p
	while read -r p; do ! grep -qa . "/proc/$p/cmdline" 2>/dev/null || return 1; done <"$1"
}

# waited ID: it is done, in time.
waited() { timeout "$DEADLINE_S" spillway wait "$1"; }

drained() {
	kill -TERM "$worker"
	wait "$worker" || fail "drain"
}

broker_start

# --- a route that fails while other starts of it are under way ------------------

# The program for blobs is missing: one job cannot be started, the other can.
plain=$(script plain </dev/null)
mkdir "$dir/bin"
cp "$b/spillway-worker" "$b/spillway-spawner" "$dir/bin"
spillway put part --priority 9 --header "blob=sha256:$(printf '%064d' 0)" x >/dev/null
spillway put part x >/dev/null
"$dir/bin/spillway-worker" --name one --slots 2 --queue "part=$plain" 2>"$dir/one.log" &
worker=$!
pids+=("$worker")
until_true count_is 1 part done_total
until_true grep -q ev=route-closed "$dir/one.log"
cp "$b/spillway-job-exec" "$dir/bin"
waited "$(spillway put part x)" || fail "the queue is never served again"
drained

# --- a spawner that is killed ---------------------------------------------------

# All that its jobs had started ends, whatever started it, and then they go back.
family=$(script family <<'J'
if [ -e "$EFFECT.again" ]; then echo $$ >>"$EFFECT.second"; exit 0; fi
setsid sh -c 'setsid sh -c "echo \$\$ >>$EFFECT.family; sleep 1000; :" & sh -c "echo \$\$ >>$EFFECT.family; sleep 1000; :"; :' &
sleep 1000
J
)
spillway queue set family backoff_ms=10
worker_start two --queue "family=$family"
id=$(spillway put family x)
until_true has_lines "$EFFECT.family" 2
touch "$EFFECT.again"
kill -9 "$(tr -d " " <"/proc/$worker/task/$worker/children")" # its only child
waited "$id" || fail "the job does not run again"
none_runs "$EFFECT.family" || fail "the first run goes on beside the second"
drained

# --- a start without standard files ---------------------------------------------

# None of a program's own files gets a number into which messages are written.
closed_start() {
	"$@" <&- >&- 2>&- &
	last=$!
	pids+=("$last")
}
files_are_null() {
	local n
	for n in 0 1 2; do [ "$(readlink "/proc/$1/fd/$n")" = /dev/null ] || return 1; done
}
kill -TERM "$broker"
wait "$broker"
closed_start spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER"
broker=$last
closed_start spillway-worker --queue "plain=$plain"
worker=$last
waited "$(spillway put plain x)" || fail "without standard files"
files_are_null "$broker" || fail "the broker's files: $(ls -l /proc/$broker/fd)"
files_are_null "$worker" || fail "the worker's files"
drained
echo "what a hostile job does, or an unlucky operator, does not outlast them"
