#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGHUP: the worker serves other queues, with other commands and slots, and the job
# that runs meanwhile is neither cut off nor run twice; what is wrong changes nothing.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

config() { printf '%s\n' "$@" >"$dir/jobs.conf"; }
lines() { grep -c "ev=$1" "$dir/w.log" || :; }
more_lines() { [ "$(lines "$2")" -gt "$1" ]; }
logged() { until_true grep -qF -- "$1" "$dir/w.log"; }

# hup EVENT: SIGHUP, and waits for one more line of that event.
hup() {
	local n
	n=$(lines "$1 ")
	kill -HUP "$worker"
	until_true more_lines "$n" "$1 "
}

# steps N: the job that runs has waited so many steps.
steps() { [ "$(wc -l <"$dir/steps")" -ge "$1" ]; }

# done_with ID TEXT: the job is done, at its first attempt, with that result.
done_with() {
	[ "$(spillway wait "$1" --timeout "${DEADLINE_S}s")" = "$2" ] || fail "$1: not '$2'"
	spillway get "$1" >"$dir/said"
	! grep -Eq 'attempt +2|lost|released' "$dir/said" || fail "$(cat "$dir/said")"
}

# A job that runs until its file is there, and counts the steps that it waits.
cat >"$dir/long" <<SH
#!/bin/sh
: >$dir/begun.\$SPILLWAY_JOB_ID
until [ -e $dir/end ]; do
	sleep 0.05
	echo >>$dir/steps
done
echo result long >&3
SH
printf '#!/bin/sh\necho "result one of $SPILLWAY_QUEUE" >&3\n' >"$dir/one"
printf '#!/bin/sh\necho "result two of $SPILLWAY_QUEUE" >&3\n' >"$dir/two"
chmod +x "$dir/long" "$dir/one" "$dir/two"

broker_start
config '[worker]' "queue = slow=exec:$dir/long" "queue = a=exec:$dir/one" 'slots = 1'
worker_start w --jobs "$dir/jobs.conf"
done_with "$(spillway put a x)" 'one of a'
long=$(spillway put slow x)
until_true test -e "$dir/begun.$long"
waits=$(spillway put a x)

# What can holds at once, and nothing else happens.
config '[worker]' "queue = slow=exec:$dir/long" "queue = a=exec:$dir/one" 'slots = 1' 'log_output = yes' 'grace = 5s'
hup reload-done
logged 'ev=reload section=worker key=grace old=30s new=5s effect=now'
logged 'ev=reload section=worker key=log_output old=no new=yes effect=now'

# What is wrong changes nothing: the file, a command that is not there, a section of
# a job program, which that program checks.
config '[worker]' "queue = a=exec:$dir/one" 'slots = many'
hup reload-refused
logged "ev=reload-refused why=\"$dir/jobs.conf:3: slots is 'many'"
config '[worker]' "queue = a=exec:$dir/three"
hup reload-refused
logged "ev=reload-refused why=\"$dir/jobs.conf:2: queue: the command '$dir/three'"
config '[worker]' "queue = a=exec:$dir/one" 'queue = hooks=webhook' '[webhook]' 'colour = red'
hup reload-refused
logged "$dir/jobs.conf:5: unknown key 'colour'"
logged 'ev=reload-refused why="spillway-worker --check-config: exit status 78'
[ "$(lines joined)" = 1 ] || fail "begun anew: $(cat "$dir/w.log")"

# Another command and a queue more, a queue and its job less: the running job ends
# first, and jobs that wait are not lost.
config '[worker]' "queue = a=exec:$dir/two" "queue = b=exec:$dir/one --key secret" 'slots = 2'
hup reload-done
logged 'ev=reload section=worker key=queue old=slow new="" effect="when the running jobs have ended"'
logged 'ev=reload section=worker key=slots old=1 new=2'
! grep -q secret "$dir/w.log" || fail "$(grep secret "$dir/w.log")"
b=$(spillway put b x)
: >"$dir/steps"
until_true steps 80 # longer than a worker that drains waits for its broker
[ "$(lines joined)" = 1 ] || fail "a job was running: $(cat "$dir/w.log")"
: >"$dir/end"
done_with "$long" long
done_with "$waits" 'two of a'
done_with "$b" 'one of b'
[ "$(lines joined)" = 2 ] || fail "$(cat "$dir/w.log")"

# A configuration that is right and cannot be opened: the earlier one serves on.
config '[worker]' "queue = a=exec:$dir/two" "queue = k=keep:/bin/false"
hup reload-refused
logged 'why="the worker could not open with it"'
done_with "$(spillway put a x)" 'two of a'

# A kept process is replaced: its own configuration may be another.
config '[worker]' "queue = a=exec:$dir/two" 'queue = n=noop'
hup joined
spillway wait "$(spillway put n x)" --timeout "${DEADLINE_S}s" >/dev/null
hup joined
spillway wait "$(spillway put n x)" --timeout "${DEADLINE_S}s" >/dev/null

# SIGTERM ends a worker that waits for its jobs to begin anew.
rm "$dir/end"
config '[worker]' "queue = slow=exec:$dir/long" 'grace = 1ms'
hup joined
long=$(spillway put slow x)
until_true test -e "$dir/begun.$long"
config '[worker]' "queue = a=exec:$dir/one" 'grace = 1ms'
hup reload-done
kill "$worker"
wait "$worker" || fail "status $?"
spillway get "$long" | grep -q 'handed back 1 time' || fail "$(spillway get "$long")"
echo "renewal: no job is cut off, and what is wrong changes nothing"
