#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The contract of an exec job, and what becomes of jobs when a worker or the
# broker is killed, frozen or drained under them.
. "$(dirname "$0")/../lib/e2e_lib.sh"

state_is() {
	[ "$(spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])')" = "$2" ]
}

lines_are() {
	[ "$(wc -l <"$1" 2>/dev/null || echo 0)" = "$2" ]
}

# has_lines FILE N: or more
has_lines() {
	[ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]
}

# running_is N FILE: of the processes whose pids are in it; a zombie runs no more.
running_is() {
	local n=0 p
	while read -r p; do ! grep -qa . "/proc/$p/cmdline" 2>/dev/null || n=$((n + 1)); done <"$2"
	[ $n = "$1" ]
}

# script NAME: the job's text on stdin; prints how to run it.
script() {
	{ echo '#!/bin/sh'; cat; } >"$dir/$1.sh"
	chmod +x "$dir/$1.sh"
	echo "exec:$dir/$1.sh"
}

export EFFECT="$dir/effect"
ok=$(script ok <<'S'
echo "progress 50 half" >&3
echo "put next follow-up of $SPILLWAY_JOB_ID" >&3
printf 'result %s tried %s by %s\n' "$(cat)" "$SPILLWAY_ATTEMPT" "$SPILLWAY_HEADER_WHO" >&3
S
)
temp=$(script temp <<'S'
[ "$SPILLWAY_ATTEMPT" = 2 ] || { echo "not yet" >&2; exit 75; }
S
)
perm=$(script perm <<'S'
echo "cannot ever work" >&2
exit 65
S
)
flood=$(script flood <<'S'
for i in 1 2 3 4 5 6; do
	printf 'put next %s\n' "$(head -c 100000 /dev/zero | tr '\0' x)"
done >&3
S
)
unended=$(script unended <<'S'
printf 'put last of %s\n' "$SPILLWAY_JOB_ID" >&3
printf 'result whole\nput last %s' "$(cat)" >&3
S
)
cut=$(script cut <<'S'
printf 'put last a whole' >&3
kill -9 $$
S
)
nowhere=$(script nowhere <<'S'
echo "put Last x" >&3
S
)
bytes=$(script bytes <<'S'
{ printf 'result-bytes 6\n\0\n\377\r\n\n\nput-bytes raw 4\na\0\nb'; printf 'put raw a\0b\n'; } >&3
S
)
short=$(script short <<'S'
printf 'put-bytes last 100\nnot a hundred' >&3
S
)
typo=$(script typo <<'S'
printf 'result ok\nprogess 5\nretry-after soon\n' >&3
seq 100 >&3
S
)
late=$(script late <<'S'
echo "retry-after 500d" >&3
echo "not yet" >&2
exit 75
S
)
longer=$(script longer <<'S'
{ printf 'put last '; head -c 140000 /dev/zero | tr '\0' x; } >&3
S
)
# Its body is the length of its first result; a word more, and a small one follows.
result=$(script result <<'S'
read -r n more
{ printf 'result '; head -c "$n" /dev/zero | tr '\0' x; echo; } >&3
[ -z "$more" ] || echo "result $more" >&3
S
)
slow=$(script slow <<'S'
sleep 300 &
echo "$!" >>"$EFFECT"
wait
S
)
gate=$(script gate <<'S'
echo $$ >>"$EFFECT.pids"
echo "$SPILLWAY_ATTEMPT" >>"$EFFECT.begun"
until [ -e "$EFFECT.open" ]; do sleep 0.05; done
echo "$SPILLWAY_JOB_ID" >>"$EFFECT.done"
S
)

broker_start
worker_start one --slots 4 --queue "ok=$ok" --queue "temp=$temp" --queue "perm=$perm" --queue "slow=$slow" --queue "flood=$flood" --queue "noop*2=noop" \
	--queue "unended=$unended" --queue "cut=$cut" --queue "nowhere=$nowhere" --queue "longer=$longer" --queue "bytes=$bytes" --queue "short=$short" --queue "late=$late" --queue "typo=$typo" --queue "result=$result"

id=$(spillway put ok body --header who=me)
[ "$(spillway wait "$id")" = "body tried 1 by me" ] || fail "result"
count_is 1 next ready || fail "the follow-up"

spillway queue set temp backoff_ms=10
id=$(spillway put temp x)
spillway wait "$id" || fail "a retry that then went well"
spillway get "$id" | grep -q "not yet" || fail "the first attempt's stderr"

id=$(spillway put perm x)
! spillway wait "$id" || fail "a permanent failure"
spillway dead show "$id" | grep -q "cannot ever work" || fail "stderr of the dead"
spillway dead show "$id" | grep -q "attempts *1" || fail "tried once"

# Follow-ups beyond what a worker can hold: not done with some of them lost.
spillway queue set flood max_attempts=1
id=$(spillway put flood x)
! spillway wait "$id" || fail "done, but its follow-ups are lost"
spillway dead show "$id" | grep -q "a job reports at most 512 KB" || fail "why they were"
count_is 1 next ready || fail "follow-ups of a job that was not done"

# A last line that no newline ends counts if the process ended by itself; a
# follow-up that cannot be is no success.
id=$(spillway put unended "its body")
[ "$(spillway wait "$id")" = whole ] || fail "a result before a line without an end"
count_is 2 last ready || fail "a follow-up without a newline"
for q in cut nowhere short longer; do
	spillway queue set $q max_attempts=1 max_crashes=1
	id=$(spillway put $q x)
	! spillway wait "$id" 2>"$dir/said" || fail "$q: done, but its follow-up is lost"
	case $q in
	nowhere) grep -q "names no queue" "$dir/said" || fail "$q: $(cat "$dir/said")" ;;
	short) grep -q "100 bytes, of which 87 were missing" "$dir/said" || fail "$q: $(cat "$dir/said")" ;;
	longer) grep -q "body must be at most 131072 bytes, not 140000" "$dir/said" || fail "$q: $(cat "$dir/said")" ;;
	esac
done
count_is 2 last ready || fail "follow-ups of jobs that were not done"

# Results and follow-ups carry any bytes.
id=$(spillway put bytes x)
[ "$(spillway wait "$id" | od -An -tx1)" = " 00 0a ff 0d 0a 0a" ] || fail "the bytes of a result"
count_is 2 raw ready || fail "follow-ups with a NUL"

# A delay beyond the limit is the longest one; the report counts.
id=$(spillway put late x)
until_true state_is "$id" delayed
spillway get "$id" | grep -q "not yet" || fail "the error of an attempt with a long retry-after"
spillway get "$id" | grep -q 'line 1: retry-after is 366d at most' || fail "the warning of a retry-after that was too long"
spillway cancel "$id"

# What a job mistypes is in its history, up to a number of lines.
id=$(spillway put typo x)
[ "$(spillway wait "$id")" = ok ] || fail "a result among lines that are none"
spillway get "$id" >"$dir/said"
for w in 'line 2: is not understood: "progess 5"' 'line 3: must be retry-after' 'line 9: ' '94 more lines'; do
	grep -q "$w" "$dir/said" || fail "no warning of $w: $(cat "$dir/said")"
done
! grep -q 'line 10: ' "$dir/said" || fail "more warnings than there should be"

# A result is whole, or the job has failed for good and says why.
id=$(spillway put result 65536)
[ "$(spillway wait "$id" | wc -c)" = 65536 ] || fail "a result of 64 KB"
id=$(spillway put result "65537 small")
[ "$(spillway wait "$id")" = small ] || fail "the last result counts"
for n in 65537 200000; do
	id=$(spillway put result $n)
	! spillway wait "$id" >"$dir/cut" 2>"$dir/said" || fail "a result of $n bytes: done"
	grep -q "larger than 64 KB" "$dir/said" || fail "a result of $n bytes: $(cat "$dir/said")"
	[ ! -s "$dir/cut" ] || fail "a part of a result"
	spillway dead show "$id" | grep -q "attempts *1" || fail "a result of $n bytes: tried again"
done

# A timeout ends the whole group.  A busy machine may need more of it for a begin.
: >"$EFFECT"
for s in 1 2 4 8 16 32 64; do
	spillway queue set slow timeout_ms=${s}s max_attempts=1
	id=$(spillway put slow x)
	! spillway wait "$id" || fail "a timeout"
	spillway dead show "$id" | grep -q timeout || fail "cause timeout"
	! has_lines "$EFFECT" 1 || break
done
has_lines "$EFFECT" 1 || fail "it had not begun"
until_true running_is 0 "$EFFECT"

# Cancel reaches the one worker that has it.
spillway queue set slow timeout_ms=1h max_attempts=5
: >"$EFFECT"
id=$(spillway put slow x)
until_true has_lines "$EFFECT" 1
spillway cancel "$id"
until_true state_is "$id" cancelled
until_true running_is 0 "$EFFECT"

seq -w 3000 >"$dir/lines"
spillway put noop --lines "$dir/lines" --chunk 5
until_true count_is 3000 noop done_total

# The broker knows that the job has begun.
is_begun()
{
	spillway why "$1" | grep -q "runs on worker"
}

# kill -9 of the worker: nothing is left behind, another one runs the job.  The
# lease is short for those who wait, and long for a worker on a busy machine.
spillway queue set gate lease_ms=5000 backoff_ms=10 max_attempts=1000
worker_start two --queue "gate=$gate"
id=$(spillway put gate x)
until_true has_lines "$EFFECT.begun" 1
until_true is_begun "$id" # or the lease lapses, and costs no attempt
kill -9 "$worker"
until_true running_is 0 "$EFFECT.pids"
worker_start three --queue "gate=$gate"
until_true has_lines "$EFFECT.begun" 2
[ "$(tail -n 1 "$EFFECT.begun")" -ge 2 ] || fail "the lost attempt was not counted"

# The broker dies and comes back in mid-job: the job runs on and ends once.
kill -9 "$broker"
wait "$broker" 2>/dev/null || :
broker_start
touch "$EFFECT.open"
spillway wait "$id" || fail "the job over the broker's death"
lines_are "$EFFECT.done" 1 || fail "it ran $(wc -l <"$EFFECT.done") times"

# A frozen worker's job goes elsewhere; thawed, it may not count.
rm -f "$EFFECT".*
id=$(spillway put gate y)
until_true has_lines "$EFFECT.begun" 1
frozen=$worker
kill -STOP "$frozen"
worker_start four --queue "gate=$gate"
until_true has_lines "$EFFECT.begun" 2
kill -CONT "$frozen"
until_true running_is 1 "$EFFECT.pids"
touch "$EFFECT.open"
spillway wait "$id" || fail "the job over the frozen worker"
lines_are "$EFFECT.done" 1 || fail "both counted"
kill -TERM "$frozen"
wait "$frozen" || fail "drain of a thawed worker"

# A drain finishes what runs, a second signal hands it back; neither burns.
rm -f "$EFFECT".*
id=$(spillway put gate z)
until_true has_lines "$EFFECT.begun" 1
kill -TERM "$worker"
until_true grep -q ev=drain "$dir/four.log"
kill -TERM "$worker"
wait "$worker" || fail "hand-back"
until_true state_is "$id" ready
worker_start five --queue "gate=$gate"
until_true has_lines "$EFFECT.begun" 2
[ "$(tail -n 1 "$EFFECT.begun")" = 1 ] || fail "a hand-back burnt an attempt"
kill -TERM "$worker"
until_true grep -q ev=drain "$dir/five.log"
touch "$EFFECT.open"
wait "$worker" || fail "drain"
state_is "$id" done || fail "a drain did not let the job end"

refused 64 "^spillway-worker: --queue is 'nonsense': must be NAME=JOB$" spillway-worker --queue nonsense
refused 64 "no such job" spillway-worker --queue a=b
refused 64 "the queue's name must be 1 to 63 of" spillway-worker --queue 'A B=noop'
echo "commands, limits, kill -9, freeze, drain"
