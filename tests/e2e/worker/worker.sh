#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A worker on a real day: what a job inherits, whole groups that end, limits,
# drains, and faults that are the worker's own and cost no job an attempt.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
mkdir "$dir/tmp"
export TMPDIR="$dir/tmp" EFFECT="$dir/effect"

state_is() {
	[ "$(spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])')" = "$2" ]
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

drained() {
	kill -TERM "$worker"
	wait "$worker" || fail "drain"
}

look=$(script look <<'S'
[ -z "$NOTIFY_SOCKET$WATCHDOG_USEC$LISTEN_FDS" ] || echo "result a service manager's variables" >&3
read -r pid _ _ _ group session terminal _ </proc/self/stat
[ "$group $session $terminal" = "$$ $$ 0" ] || echo "result no session of its own" >&3
S
)
limits=$(script limits <<'S'
echo "result $(ulimit -v) $(ulimit -n) $(ulimit -c)" >&3
S
)
eater=$(script eater <<'S'
exec /usr/bin/python3 -c 'x = bytearray(300 << 20)'
S
)
spin=$(script spin <<'S'
while :; do :; done
S
)
leaver=$(script leaver <<'S'
sleep 1000 &
echo $! >>"$EFFECT.left"
setsid sh -c 'echo $$ >>"$EFFECT.left"; exec sleep 1000' &
until [ "$(wc -l <"$EFFECT.left")" = 2 ]; do sleep 0.02; done
S
)
deaf=$(script deaf <<'S'
trap '' TERM
echo $$ >>"$EFFECT.deaf"
while :; do sleep 0.05; done
S
)
told=$(script told <<'S'
trap 'echo told >>"$EFFECT.told"; exit 0' TERM
echo $$ >>"$EFFECT.up"
until [ -e "$EFFECT.open" ]; do sleep 0.02; done
S
)
litter=$(script litter <<'S'
/usr/bin/python3 -c 'for i in range(20000): open(f"file{i}", "w")'
S
)
talk=$(script talk <<'S'
echo "first line"
echo "second line" >&2
S
)
goes=$(script goes </dev/null)
flood=$(script flood <<'S'
yes "a line of output" | head -c 3000000
S
)

# --- the start ------------------------------------------------------------------

broker_start
refused 64 "queue: .*the command '/no/such': No such file" spillway-worker --queue q=exec:/no/such
refused 64 "the command 'no-such-command'" spillway-worker --queue 'q=exec:no-such-command x'
printf '[worker]\nqueue = q=exec:/no/such\n' >"$dir/jobs.conf"
refused 78 "jobs.conf:2: queue: the command '/no/such'" spillway-worker --jobs "$dir/jobs.conf"
refused 75 "ev=open step=folder path=/nonexistent" env TMPDIR=/nonexistent spillway-worker --queue "q=$look"

# --- what a job has -------------------------------------------------------------

export NOTIFY_SOCKET=/nonexistent LISTEN_FDS=1
worker_start one --slots 4 --queue "look=$look" --queue "limits=$limits" --queue "eater=$eater" --queue "spin=$spin" \
	--queue "leaver=$leaver" --queue "deaf=$deaf" --queue "talk=$talk" --log-output
unset NOTIFY_SOCKET LISTEN_FDS
[ -z "$(spillway wait "$(spillway put look x)")" ] || fail "what a job inherits"
[ "$(spillway wait "$(spillway put limits x)")" = "unlimited 1024 0" ] || fail "the limits of a job"
spillway queue set limits memory_limit=256m files_limit=50 core_limit=1m
[ "$(spillway wait "$(spillway put limits x)")" = "262144 50 2048" ] || fail "the limits of a queue"
spillway queue set eater memory_limit=200m max_attempts=1
id=$(spillway put eater x)
! spillway wait "$id" || fail "memory beyond the limit"
spillway dead show "$id" | grep -q MemoryError || fail "a limit of memory"
spillway queue set spin cpu_limit=1s max_attempts=1
id=$(spillway put spin x)
! spillway wait "$id" 2>/dev/null || fail "time on the processor beyond the limit"
spillway dead show "$id" | grep -q timeout || fail "a limit of time on the processor"

# --- output ---------------------------------------------------------------------

spillway queue set talk keep_output=yes
id=$(spillway put talk x)
spillway wait "$id"
grep -q "ev=output job=$id queue=talk text=\"second line\"" "$dir/one.log" || fail "a line in the log"
spillway get "$id" | grep -q "first line" || fail "the output of a job that is done"

# --- groups end -----------------------------------------------------------------

: >"$EFFECT.left"
spillway wait "$(spillway put leaver x)" || fail "a job that leaves processes"
has_lines "$EFFECT.left" 2 || fail "it left none"
until_true none_runs "$EFFECT.left"

# One that ignores SIGTERM is killed, at its timeout and when it is cancelled.
spillway queue set deaf timeout_ms=500 max_attempts=1
id=$(spillway put deaf x)
! spillway wait "$id" || fail "a timeout that is ignored"
spillway dead show "$id" | grep -q timeout || fail "cause timeout"
none_runs "$EFFECT.deaf" || fail "it runs on"
spillway queue set deaf timeout_ms=1h max_attempts=5
: >"$EFFECT.deaf"
id=$(spillway put deaf x)
until_true has_lines "$EFFECT.deaf" 1
spillway cancel "$id"
until_true state_is "$id" cancelled
none_runs "$EFFECT.deaf" || fail "a cancelled job runs on"

# The spawner dies: its jobs go back, at no charge, and run again.
: >"$EFFECT.deaf"
spillway queue set deaf max_attempts=1 backoff_ms=10
id=$(spillway put deaf x)
until_true has_lines "$EFFECT.deaf" 1
kill -9 "$(tr -d " " <"/proc/$worker/task/$worker/children")" # its only child
until_true has_lines "$EFFECT.deaf" 2
logged one spawner-lost 1 || fail "a lost spawner is logged"
[ "$(grep -cE 'ev=spawner groups=(cgroup|session)$' "$dir/one.log")" = 2 ] || fail "what keeps jobs together is logged"
spillway cancel "$id"
until_true state_is "$id" cancelled
until_true none_runs "$EFFECT.deaf"

# The worker dies: what it had started, wherever that went, dies with it.
: >"$EFFECT.left"
leave=$(script leave_and_stay <<'S'
setsid sh -c 'echo $$ >>"$EFFECT.left"; exec sleep 1000' &
echo $$ >>"$EFFECT.left"
sleep 1000
S
)
drained
worker_start two --queue "leave=$leave"
spillway put leave x >/dev/null
until_true has_lines "$EFFECT.left" 2
kill -9 "$worker"
until_true none_runs "$EFFECT.left"

# --- drains ---------------------------------------------------------------------

# With drain=term a job is told at once; otherwise not before the grace ends.
# When the first was told, the second would have been.
calm=$(script calm <<'S'
trap 'echo told >>"$EFFECT.calm"; exit 0' TERM
echo $$ >>"$EFFECT.up"
until [ -e "$EFFECT.open" ]; do sleep 0.02; done
S
)
spillway queue set told drain=term
spillway queue set calm drain=finish
worker_start three --grace 1h --slots 2 --queue "told=$told" --queue "calm=$calm"
id=$(spillway put told x)
other=$(spillway put calm x)
until_true has_lines "$EFFECT.up" 2
for i in $(seq 100); do spillway put calm "$i" >/dev/null; done
kill -TERM "$worker"
until_true has_lines "$EFFECT.told" 1
until_true state_is "$id" done
touch "$EFFECT.open"
wait "$worker" || fail "drain"
state_is "$other" done || fail "a drain did not let the job end"
[ ! -e "$EFFECT.calm" ] || fail "it was told"
count_is 100 calm ready || fail "a worker that drains has begun jobs, or kept them"

# The grace ends: a job that heeds no SIGTERM goes back, and lost no attempt.
spillway queue set deaf max_attempts=1 timeout_ms=1h backoff_ms=10
worker_start five --grace 200ms --queue "deaf=$deaf"
id=$(spillway put deaf x)
until_true has_lines "$EFFECT.deaf" 1
drained
none_runs "$EFFECT.deaf" || fail "it runs on"
state_is "$id" ready || state_is "$id" delayed || fail "it is not back"
spillway cancel "$id"

# A second SIGTERM ends the grace.
: >"$EFFECT.deaf"
worker_start again --grace 1h --queue "deaf=$deaf"
id=$(spillway put deaf x)
until_true has_lines "$EFFECT.deaf" 1
kill -TERM "$worker"
until_true logged again drain 1
kill -0 "$worker" || fail "it did not wait for its job"
kill -TERM "$worker"
until_true none_runs "$EFFECT.deaf"
wait "$worker" || fail "drain"
state_is "$id" ready || state_is "$id" delayed || fail "it is not back"
spillway cancel "$id"

# --- faults of the worker's own -------------------------------------------------

# A command that is gone closes its queue, and no other.
spillway queue set goes max_attempts=1
worker_start six --slots 2 --queue "goes=$goes" --queue "look=$look"
spillway wait "$(spillway put goes x)" || fail "while the command is there"
mv "$dir/goes.sh" "$dir/gone.sh"
for i in $(seq 20); do spillway put goes "$i" >>"$dir/ids"; done
until_true logged six route-closed 1
grep -q "ev=route-closed queue=goes step=exec path=$dir/goes.sh text=\"No such file or directory\"" "$dir/six.log" ||
	fail "why: $(cat "$dir/six.log")"
spillway wait "$(spillway put look x)" || fail "another queue of the same worker"
count_is 20 goes ready || fail "jobs that cannot be started wait"
mv "$dir/gone.sh" "$dir/goes.sh"
until_true count_is 21 goes done_total
logged six route-closed 1 || fail "one cause, one line"
until_true logged six route-open 1

# A folder that is gone closes the worker.
mv "$dir/tmp" "$dir/away"
for i in $(seq 30); do spillway put goes "$i" >/dev/null; done
until_true grep -q "ev=closed step=[a-z]* folder=$dir/tmp/.* text=\"No such file" "$dir/six.log"
mv "$dir/away" "$dir/tmp"
until_true count_is 51 goes done_total
count_is 0 goes dead || fail "a fault of the worker killed jobs"
until_true logged six open 1

# --- nothing stops the loop -----------------------------------------------------

# A folder with many files; a log that nobody reads.
mkfifo "$dir/mute"
exec 9<>"$dir/mute"
drained
spillway-worker --name seven --slots 3 --log-output --queue "litter=$litter" --queue "look=$look" --queue "flood=$flood" 2>"$dir/mute" &
worker=$!
pids+=("$worker")
spillway put litter x >/dev/null
for i in 1 2 3 4 5; do spillway put flood x >/dev/null; done
for i in $(seq 50); do spillway put look x >/dev/null; done
until_true count_is 5 flood done_total
until_true count_is 1 litter done_total
until_true count_is 52 look done_total
count_is 0 look failed_total || fail "jobs beside were lost"
drained
[ -z "$(ls "$dir/tmp")" ] || fail "left in the folder: $(ls "$dir/tmp")"
echo "what a job has, groups, drains, faults of the worker's own"
