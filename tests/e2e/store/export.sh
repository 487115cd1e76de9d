#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Jobs, settings and dead jobs with their history go from one broker to another
# as lines of JSON, as often as one likes; bad lines are named by number.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# same A B: the jobs of two exports, but for the time at which ready ones run.
same() {
	python3 - "$1" "$2" <<'E2'
import json, sys
def jobs(path):
    out = {}
    for line in open(path):
        o = json.loads(line)
        if "id" in o:
            if o["state"] == "ready":
                o.pop("run_at_ms")
            out[o["id"]] = o
        elif "settings" in o:
            out[o["queue"]] = o
    return out
a, b = jobs(sys.argv[1]), jobs(sys.argv[2])
for k in a.keys() | b.keys():
    if a.get(k) != b.get(k):
        sys.exit("differs: %s\n%s\n%s" % (k, a.get(k), b.get(k)))
E2
}

other() {
	kill "$broker" && wait "$broker"
	mv "$dir/data" "$dir/data.$1"
	broker_start
}

broker_start
spillway queue set q backoff_ms=90s max_attempts=1 rate=5/s paused=yes
spillway queue set r rate=10/m dead_to=q
text=$(spillway put q "a
line \"quoted\" ü" --header who=me --header 'n="2"' --fair tenant --unique key --content-type text/plain)
printf '\0\001\377 and more' >"$dir/bytes"
bytes=$(spillway put q --file "$dir/bytes" --priority 9 --timeout 5s --max-attempts 7)
later=$(spillway put q later --delay 10h)
empty=$(spillway put q '')
worker_start w --queue "bad=exec:sh -c 'echo the cause >&2; exit 64'" --queue good=noop
dead=$(spillway put bad "a dead one" --unique d --unique-also dead)
done=$(spillway put good "a done one" --wait >/dev/null && spillway list queue=good state=done --json |
	python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["id"])')
until_true count_is 1 bad dead
spillway export >"$dir/all"
[ "$(wc -l <"$dir/all")" = 10 ] || fail "$(cat "$dir/all")" # 4 queues, 5 jobs, the end
! grep -q "$done" "$dir/all" || fail "a done job"
spillway export state=done | grep -q "$done" || fail "no done job"
[ "$(spillway export "$later" | grep -c '"id"')" = 1 ] || fail "by id"
[ "$(spillway export queue=bad | grep -c '"queue"')" = 2 ] || fail "by queue"
refused 1 "no such queue: none" spillway export queue=none
refused 1 "cannot write" bash -c 'spillway export >/dev/full'

# --- to another broker, twice ---
kill "$worker" && wait "$worker"
other source
[ "$(spillway import <"$dir/all")" = "5 jobs stored, 0 known before" ] || fail "first import"
spillway export >"$dir/again"
same "$dir/all" "$dir/again" || fail "an import has changed jobs"
spillway get "$bytes" --body | cmp - "$dir/bytes" || fail "bytes"
spillway dead show "$dead" | grep -q "the cause" || fail "no history"
refused 1 "unique" spillway put bad x --unique d
[ "$(spillway import <"$dir/all")" = "0 jobs stored, 5 known before" ] || fail "second import"
spillway dead redrive "$dead" >/dev/null
[ "$(spillway get "$empty" --body)" = "" ] || fail "an empty body"

# --- a job that runs is ready there; done ones are left out ---
sed "s/\"state\":\"ready\"/\"state\":\"leased\"/; s/$text/01936d6e-0f5c-7d4e-9a55-5d9a1c6f2b11/; s/\"unique\":\"key\"/\"unique\":\"other\"/" \
	"$dir/all" | grep -F 01936d6e >"$dir/leased"
spillway import --part <"$dir/leased" >"$dir/said" || fail "a part"
spillway get 01936d6e-0f5c-7d4e-9a55-5d9a1c6f2b11 --json | grep -q '"state":"ready"' || fail "not ready"
sed 's/"state":"dead"/"state":"done"/' "$dir/all" | spillway import >"$dir/said"
grep -q "1 done or cancelled: left out" "$dir/said" || fail "$(cat "$dir/said")"

# --- a job keeps its origin; what its queue redacts is not exported, and not imported without ---
worker_start killer --queue "doomed=exec:sh -c 'exit 65'"
spillway queue set doomed dead_to=graves redact_members=pin redact_headers=cookie >/dev/null
moved=$(spillway put doomed '{"n": 1}')
secret=$(spillway put doomed '{"pin": "4711"}')
header=$(spillway put doomed '{"n": 2}' --header cookie=s3cr3t)
until_true count_is 3 graves ready
kill "$worker" && wait "$worker"
spillway export queue=graves >"$dir/graves"
! grep -qE "4711|s3cr3t" "$dir/graves" || fail "an export has secrets"
[ "$(spillway import <"$dir/graves" 2>/dev/null)" = "0 jobs stored, 1 known before" ] || fail "known jobs"
other secrets
status=0
spillway import <"$dir/graves" >"$dir/said" 2>"$dir/lines" || status=$?
[ "$status, $(cat "$dir/said")" = "1, 1 job stored, 0 known before" ] || fail "redacted: $status"
[ "$(grep -c 'stdin:[0-9]*: the job was exported without what its queue redacts' "$dir/lines")" = 2 ] ||
	fail "$(cat "$dir/lines")"
refused 1 "no such job" spillway get "$secret"
refused 1 "no such job" spillway get "$header"
spillway dead redrive state=ready queue=graves >/dev/null
spillway list queue=doomed state=ready | grep -q "$moved" || fail "the way back is lost"

# --- what is missing is named, wherever the file or the pipe ends; a part is wanted ---
# missing STATUS PATTERN [OPTION]...: of an import of $dir/cut.
missing() {
	refused "$1" "$2" spillway import "${@:3}" <"$dir/cut"
}
for n in $(seq 0 9); do
	head -n "$n" "$dir/all" >"$dir/cut"
	missing 1 "^spillway import: stdin: the last line of the export is missing"
	spillway import --part <"$dir/cut" >"$dir/said" 2>&1 || fail "$n lines as a part: $(cat "$dir/said")"
done
for gone in 5 9; do # a line of the middle
	sed "${gone}d" "$dir/all" >"$dir/cut"
	missing 1 "^spillway import: stdin:9: the export has 5 jobs, but 4 lines of jobs came$"
done
cat "$dir/all" "$dir/all" >"$dir/cut" # two exports, and a second that is cut
spillway import <"$dir/cut" >"$dir/said" || fail "two exports"
head -n -1 "$dir/cut" >"$dir/two" && mv "$dir/two" "$dir/cut"
missing 1 "the last line of the export is missing"
echo '{"end":true}' >"$dir/cut"
missing 1 "^spillway import: stdin:1: jobs must be a whole number$" # and no count of refused lines
printf %s "$(cat "$dir/all")" >"$dir/cut" # no newline at its end
spillway import <"$dir/cut" >"$dir/said" || fail "without the last newline"
# An end that is cut is no end.
printf %s "$(head -c -3 "$dir/all")" >"$dir/cut"
status=0
spillway import <"$dir/cut" >"$dir/said" 2>"$dir/lines" || status=$?
[ $status = 1 ] || fail "status $status"
grep -q "stdin:10: not a JSON object" "$dir/lines" || fail "$(cat "$dir/lines")"
grep -q "the last line of the export is missing" "$dir/lines" || fail "$(cat "$dir/lines")"

# --- bad lines are named, and the others are stored ---
id=01936d6e-0f5c-7d4e-9a55-5d9a1c6f2b
{
	echo 'no json'
	echo "{\"id\":\"${id}01\",\"queue\":\"n\",\"body\":\"good\"}"
	echo "{\"id\":\"${id}02\",\"queue\":\"n\",\"body\":\"x\",\"state\":\"lost\"}"
	echo "{\"id\":\"${id}03\",\"queue\":\"N!\",\"body\":\"x\"}"
	echo "{\"id\":\"${id}04\",\"queue\":\"n\",\"body_base64\":\"?\"}"
	echo "{\"id\":\"${id}05\",\"queue\":\"n\",\"body\":\"x\",\"colour\":1}"
	echo "{\"id\":5,\"queue\":\"n\",\"body\":\"x\"}"
	echo "{\"queue\":\"n\",\"body\":\"x\"}"
	echo "{\"queue\":\"n\",\"settings\":{\"colour\":\"1\"}}"
	echo '[1]'
	echo "{\"id\":\"${id}06\",\"queue\":\"n\",\"body\":\"good\"}"
} >"$dir/bad"
status=0
spillway import <"$dir/bad" >"$dir/said" 2>"$dir/lines" || status=$?
[ $status = 1 ] || fail "status $status"
grep -q "^2 jobs stored" "$dir/said" || fail "$(cat "$dir/said")"
for line in 1 3 4 5 6 7 8 9 10; do
	grep -q "stdin:$line: " "$dir/lines" || fail "line $line is not named: $(cat "$dir/lines")"
done
! grep -qE "stdin:(2|11): " "$dir/lines" || fail "$(cat "$dir/lines")"
grep -q "not stored: 9" "$dir/lines" || fail "$(cat "$dir/lines")"
head -c 5000000 /dev/zero | tr '\0' x >"$dir/long"
! spillway import <"$dir/long" >"$dir/said" 2>"$dir/lines" || fail "a long line is read"
grep -q "stdin:1: the line is longer than" "$dir/lines" || fail "$(cat "$dir/lines")"
