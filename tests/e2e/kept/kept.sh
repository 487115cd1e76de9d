#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Kept processes of a real worker: each misbehaviour, many slots, the start and
# the end of a worker.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
here=$root/tests/e2e/kept
export MARKS="$dir/marks" PYTHONDONTWRITEBYTECODE=1
mkdir "$MARKS"
broker_start

# Each queue has a process that misbehaves in one way, all of them at once.
queues=()
for mode in $(python3 "$here/rows.py" queues); do
	queues+=(--queue "$mode=keep:/usr/bin/python3 $here/misbehave.py $mode")
done
worker_start bad --slots 64 "${queues[@]}"
until_true grep -q ev=joined "$dir/bad.log"
bounded python3 "$here/rows.py" play
# Faults are said once, with the last line that the process has written.
[ "$(grep -c 'ev=start-failed queue=start .*text="the process exited with status 1: no such file: x"' \
	"$dir/bad.log")" = 1 ] || fail "the failed start is not logged once"
grep -q 'ev=start-failed queue=not-ready .*was not ready within 10 s' "$dir/bad.log" || fail "not ready"
grep -q 'ev=start-failed queue=version .*speaks version 2' "$dir/bad.log" || fail "version"
grep -q 'ev=start-failed-over queue=start$' "$dir/bad.log" || fail "the end of the fault is not logged"
for _ in 1 2; do ! spillway put alarm bad --max-attempts 1 --wait >/dev/null 2>&1 || fail "a bad job is done"; done
[ "$(grep -c 'ev=alarm job=/usr/bin/python3 text="the key is wrong" queue=alarm' "$dir/bad.log")" = 2 ] ||
	fail "alarms: one, until a job is done, and one for two jobs"
grep -q 'ev=alarm-over job=/usr/bin/python3 queue=alarm' "$dir/bad.log" || fail "the alarm is not over"
kill "$worker"
wait "$worker" || fail "the worker did not end well"
echo "faults and alarms are in the log once"
