#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The life of kept processes: how many there are, what they have, how they and
# their worker start and end.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
export MARKS="$dir/marks" PYTHONDONTWRITEBYTECODE=1
mkdir "$MARKS" "$dir/bin"
python=/usr/bin/python3
job="keep:$python $root/tests/e2e/kept/job.py $root/examples"
broker_start

# field ID NAME: of a job.
field() { spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$2"; }
state_is() { [ "$(field "$1" state)" = "$2" ]; }
# processes: the pids of job.py.
processes() { pgrep -f "^$python $root/tests/e2e/kept/job.py" || :; }
none_is_left() { [ -z "$(processes)" ]; }
is_there() { grep -qa . "/proc/$1/cmdline"; }
is_gone() { ! grep -qa . "/proc/$1/cmdline" 2>/dev/null; }
worker_ends() {
	kill "$worker"
	wait "$worker" || fail "the worker has ended with $?"
}

# 64 jobs at once, of one queue; then as many of two queues as there are slots.
worker_start many --slots 64 --queue "a=$job" --queue "b=$job"
for _ in $(seq 64); do spillway put a "all 64" >/dev/null; done
until_true count_is 64 a done
[ "$(processes | wc -l)" -ge 64 ] || fail "64 jobs at once in $(processes | wc -l) processes"
seq 1000 | sed 's/.*/pid/' >"$dir/pids"
for q in a b; do spillway put $q --lines "$dir/pids" --each >/dev/null; done
until_true count_is 1064 a done
until_true count_is 1000 b done
[ "$(count a dead)$(count b dead)" = 00 ] || fail "jobs are dead"
worker_ends
until_true none_is_left
echo "64 jobs at once, and two queues on one worker"

# One slot, two queues: a process of each stays, and runs job after job.
worker_start one --slots 1 --queue "a=$job" --queue "b=$job"
for q in a b; do
	first=$(spillway put $q pid --wait | tail -n 1)
	second=$(spillway put $q pid --wait | tail -n 1)
	[ "$first" = "$second" ] || fail "$q: $first and $second: not the same process"
done
left=$(spillway put a leave --wait | tail -n 1)
for p in $left; do until_true is_there "$p"; done

[ "$(processes | wc -l)" = 2 ] || fail "$(processes | wc -l) processes for one slot and two queues"

# The error of a crash has what that job has written, and no other.
spillway put a say --wait >/dev/null
id=$(spillway put a die --max-attempts 1)
until_true state_is "$id" dead
error=$(spillway get "$id" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["events"][-1]["error"])')
[ "$error" = "its own line" ] || fail "the error of a crash: $error"

# A cancelled job ends, its process goes on.
id=$(spillway put a "until never")
until_true test -e "$MARKS/begun.never"
spillway cancel "$id" >/dev/null
until_true state_is "$id" cancelled
again=$(spillway put a pid --wait | tail -n 1)
[ "$again" = "$(cat "$MARKS/begun.never")" ] || fail "another process after a cancel"
worker_ends
until_true none_is_left
# What the process had left has ended with it, also out of its group.
for p in $left; do until_true is_gone "$p"; done
echo "one slot, cancel, left-over processes"

# What a process has and does not have of its worker.
mkdir "$dir/notify"
NOTIFY_SOCKET="$dir/notify/x" worker_start vars --slots 2 --queue "v=$job" --log-output
spillway put v variables --wait >"$dir/variables"
grep -qx 'SPILLWAY_QUEUE=v' "$dir/variables" || fail "SPILLWAY_QUEUE"
grep -q '^SPILLWAY_TMP=/' "$dir/variables" || fail "SPILLWAY_TMP"
! grep -qE '^(NOTIFY_SOCKET|SPILLWAY_JOB_ID|SPILLWAY_ATTEMPT)=' "$dir/variables" || fail "variables of others"
[ "$(spillway put v where --wait | tail -n 1)" = "$PWD" ] || fail "the working folder is not the worker's"
spillway queue set v keep_output=yes >/dev/null
id=$(spillway put v say)
until_true state_is "$id" done
spillway get "$id" | grep -q "a line of $id" || fail "keep_output: $(spillway get "$id")"
until_true grep -q "ev=output job=$id queue=v text=\"a line of $id\"" "$dir/vars.log"
# Lines that are left out, and one without an end, are of the job that wrote them.
for n in 0 1000; do
	id=$(spillway put v "lines $n")
	until_true state_is "$id" done
	spillway put v say --wait >/dev/null
	line="output job=$id queue=v text=half"
	[ $n = 0 ] || line="output-left-out job=$id queue=v lines="
	grep -q "ev=$line" "$dir/vars.log" || fail "no $line in $(tail "$dir/vars.log")"
done

# Other limits of the queue: the idle process, which has the old ones, ends.
before=$(spillway put v limits --wait | tail -n 1)
spillway queue set v memory_limit=2g files_limit=99 >/dev/null
after=$(spillway put v limits --wait | tail -n 1)
[ "${after#* }" = "2147483648 99" ] || fail "limits: $after"
[ "${before% * *}" != "${after% * *}" ] || fail "the same process with other limits"

# Without its spawner the processes are gone: the job runs in a new one.
id=$(spillway put v "until spawned" --max-attempts 1)
until_true test -e "$MARKS/begun.spawned"
rm "$MARKS/begun.spawned"
kill -9 "$(pgrep -P "$worker" spillway-spawn)"
until_true grep -q ev=spawner-lost "$dir/vars.log"
until_true test -e "$MARKS/begun.spawned"
touch "$MARKS/spawned"
until_true state_is "$id" done

# Drain: a running job has the grace, idle processes end at once.
id=$(spillway put v "until later")
until_true test -e "$MARKS/begun.later"
kill "$worker"
until_true grep -q ev=drain "$dir/vars.log"
state_is "$id" leased || state_is "$id" running || fail "$(field "$id" state)"
touch "$MARKS/later"
wait "$worker" || fail "the worker has ended with $?"
state_is "$id" done || fail "the job of a drained worker is $(field "$id" state)"
until_true none_is_left

# At the end of the grace a job goes back, and no attempt is charged.
worker_start grace --slots 2 --queue "v=$job" --grace 1s
id=$(spillway put v "until forever" --max-attempts 1)
until_true test -e "$MARKS/begun.forever"
worker_ends
until_true none_is_left
! state_is "$id" dead || fail "a hand-back was charged"
touch "$MARKS/forever"
worker_start next --slots 2 --queue "v=$job" --grace 1h
until_true state_is "$id" done
echo "drain and hand-back"

# With drain=term a job is asked at once, whatever the grace.
spillway queue set v drain=term >/dev/null
id=$(spillway put v "until never-there" --max-attempts 1)
until_true test -e "$MARKS/begun.never-there"
worker_ends
until_true none_is_left
! state_is "$id" dead || fail "a hand-back was charged"
spillway cancel "$id" >/dev/null
spillway queue set v drain=finish >/dev/null
worker_start last --slots 2 --queue "v=$job"

# A killed worker leaves no process, and its job is done by the next one.
rm -f "$MARKS"/begun.again
id=$(spillway put v "until again")
until_true test -e "$MARKS/begun.again"
kill -9 "$worker"
wait "$worker" 2>/dev/null || :
until_true none_is_left
touch "$MARKS/again"
worker_start after --slots 2 --queue "v=$job"
until_true state_is "$id" done
worker_ends
echo "kill -9 of a worker"

# The start: a set-up that is wrong ends the worker, with the process's line.
got=0
FAIL_WITH="no key is set" bounded spillway-worker --queue "v=$job" 2>"$dir/wrong.log" || got=$?
[ $got = 78 ] || fail "a wrong set-up: status $got"
grep -q 'ev=start-failed queue=v .*no key is set' "$dir/wrong.log" || fail "$(cat "$dir/wrong.log")"
refused 64 "no such job as 'nothing'" bounded spillway-worker --queue v=nothing
refused 64 "the command 'no-such-command'" bounded spillway-worker --queue "v=keep:no-such-command x"

# A name is a program beside the worker, or else in PATH.
printf '#!/bin/sh\nexec %s %s %s\n' "$python" "$root/tests/e2e/kept/job.py" "$root/examples" >"$dir/bin/spillway-job-mine"
chmod +x "$dir/bin/spillway-job-mine"
PATH="$PATH:$dir/bin" worker_start named --slots 2 --queue m=mine --queue n=noop
spillway put m pid --wait >/dev/null
spillway put n x --wait >/dev/null
worker_ends

# Sections are their programs': the worker has them checked, and reads none.
cat >"$dir/jobs.conf" <<'C'
[worker]
slots = 2
[webhook]
no_such_key = 1
C
bounded spillway-worker --jobs "$dir/jobs.conf" --queue n=noop --check-config >/dev/null ||
	fail "a section of another program matters"
refused 78 "no_such_key" bounded spillway-worker --jobs "$dir/jobs.conf" --queue w=webhook --check-config
got=0
bounded spillway-worker --jobs "$dir/jobs.conf" --queue w=webhook 2>"$dir/keys.log" || got=$?
[ $got = 78 ] || fail "a wrong section: status $got"
grep -q 'ev=start-failed queue=w .*no_such_key' "$dir/keys.log" || fail "$(cat "$dir/keys.log")"
printf '[webhok]\nx = 1\n' >"$dir/jobs.conf"
refused 78 "no program spillway-job-webhok" bounded spillway-worker --jobs "$dir/jobs.conf" --queue n=noop --check-config
printf '[exec]\nx = 1\n' >"$dir/jobs.conf"
refused 78 "\[exec\]: exec: jobs have no section" bounded spillway-worker --jobs "$dir/jobs.conf" --queue n=noop --check-config
printf '[closed]\nx = 1\n' >"$dir/jobs.conf"
: >"$dir/bin/spillway-job-closed"
PATH="$PATH:$dir/bin" refused 78 "spillway-job-closed: Permission denied" bounded spillway-worker --jobs "$dir/jobs.conf" \
	--queue n=noop --check-config

# The worker has none of the libraries of jobs.
needed=$(objdump -p "$b/spillway-worker" | awk '$1 == "NEEDED" { print $2 }' | grep -vE '^lib(zmq|systemd|uuid|c|asan|ubsan|tsan)\.so' || :)
[ -z "$needed" ] || fail "the worker needs $needed"
echo "the start of a worker"
