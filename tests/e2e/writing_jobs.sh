#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/writing-jobs.md: its code is that of examples/jobs, and does what it says:
# progress, results, failures of both kinds, follow-ups, and one effect for a job
# that is killed in the middle and runs twice.
. "$(dirname "$0")/../lib/e2e_lib.sh"
cd "$(dirname "$0")/../.."
doc=docs/writing-jobs.md jobs=$PWD/examples/jobs

# Each example stands in the page, whole, and no other file of that kind.
python3 - $doc examples/jobs/* <<'P' || fail "$doc and examples/jobs differ"
import re, sys
blocks = re.findall(r"^```(?:sh|python|c)\n(.*?)^```$", open(sys.argv[1]).read(), re.M | re.S)
for name in sys.argv[2:]:
    text = "".join(line for line in open(name) if "SPDX-" not in line)
    if text not in blocks:
        sys.exit(name + " is not in the page as it is")
P

field() { spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1]))' "$2"; }
field_is() { [ "$(field "$1" "$2")" = "$3" ]; }
# only_body QUEUE: of the one job that there is.
only_body() { spillway get "$(spillway list "queue=$1" --json | sed 's/.*"id":"\([^"]*\)".*/\1/')" --body; }
# retried_in ID MS: after its last attempt
retried_in() {
	spillway get "$1" --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
sys.exit(j["run_at_ms"] - j["events"][-1]["at_ms"] != int(sys.argv[1]))' "$2"
}
has_lines() { [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
pack_worker() { worker_start "$1" --queue "archive=exec:$jobs/archive.sh" --queue "words=exec:$hold $jobs/wordcount.py"; }
dies() {
	! spillway wait "$2" >/dev/null 2>&1 || fail "it went well, instead of '$1'"
	spillway dead show "$2" >"$dir/said"
	grep -q -- "$1" "$dir/said" || fail "no '$1' in $(cat "$dir/said")"
	grep -q "attempts *1\b" "$dir/said" || fail "tried again: $(cat "$dir/said")"
}

# A tar that waits in the middle while there is a gate, and a command that does
# so after the one it runs: a place to be killed at.
export GATE=$dir/gate ARCHIVES=$dir/out WORDCOUNT_DB=$dir/words.db
mkdir "$dir/bin" "$dir/out" "$dir/in"
cat >"$dir/bin/tar" <<S
#!/bin/sh
echo begun >>"\$GATE.begun"
$(command -v tar) "\$@" || exit
while [ -e "\$GATE" ]; do sleep 0.05; done
S
cat >"$dir/bin/hold" <<'S'
#!/bin/sh
"$@"
code=$?
echo begun >>"$GATE.begun"
while [ -e "$GATE" ]; do sleep 0.05; done
exit $code
S
chmod +x "$dir/bin/tar" "$dir/bin/hold"
export PATH="$dir/bin:$PATH" hold=$dir/bin/hold
head -c 100000 /dev/urandom >"$dir/in/noise"

broker_start
# Short for those who wait, and long for a worker on a busy machine.
for q in archive words; do spillway queue set $q lease_ms=5000 backoff_ms=10 max_attempts=1000; done
pack_worker one

# Done: a result, a follow-up; in the middle, progress.
touch "$GATE"
id=$(spillway put archive "$dir/in")
until_true field_is "$id" progress 10
field_is "$id" text "packing $dir/in" || fail "the text of progress: $(field "$id" text)"
# Killed there, it runs elsewhere, and there is one archive, one follow-up.
until_true has_lines "$GATE.begun" 1
kill -9 "$worker"
pack_worker two
until_true has_lines "$GATE.begun" 2
rm "$GATE"
[[ "$(spillway wait "$id")" =~ ^[0-9]+\ bytes\ in\ $dir/out/$id.tar.gz$ ]] || fail "result: $(spillway wait "$id")"
[ "$(ls "$dir/out")" = "$id.tar.gz" ] || fail "left behind: $(ls "$dir/out")"
tar -xOf "$dir/out/$id.tar.gz" ./noise | cmp - "$dir/in/noise"
count_is 1 archived ready || fail "$(count archived ready) follow-ups"
[ "$(only_body archived)" = "$dir/out/$id.tar.gz" ] || fail "the follow-up's body"

# Never again; and again, not before it said.
dies "no such folder: $dir/none" "$(spillway put archive "$dir/none")"
touch "$dir/in/.lock"
id=$(spillway put archive "$dir/in")
until_true field_is "$id" state delayed
spillway get "$id" | grep -q "is being written to" || fail "the reason"
retried_in "$id" 30000 || fail "retry-after: $(spillway get "$id")"
spillway cancel "$id" >/dev/null

# Python: killed after its effect and before its end, it counts once.
touch "$GATE"
rm -f "$GATE.begun"
id=$(spillway put words 'to be or not to be')
until_true has_lines "$GATE.begun" 1
kill -9 "$worker"
pack_worker three
until_true has_lines "$GATE.begun" 2
rm "$GATE"
[ "$(spillway wait "$id")" = '{"to": 2, "be": 2, "or": 1}' ] || fail "result: $(spillway wait "$id")"
spillway get "$id" | grep -q "attempt 1 .*lost" || fail "it did not run twice: $(spillway get "$id")"
spillway put words 'be' --wait >"$dir/said" 2>&1
n=$(python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT n FROM words WHERE word = ?", ("be",)).fetchone()[0])' "$WORDCOUNT_DB")
[ "$n" = 3 ] || fail "'be' was counted $n times"
printf '\377' >"$dir/binary"
dies "not a text: 'utf-8' codec" "$(spillway put words --file "$dir/binary")"
mv "$WORDCOUNT_DB" "$dir/aside" && mkdir "$WORDCOUNT_DB"
id=$(spillway put words 'be')
until_true field_is "$id" state delayed
retried_in "$id" 10000 || fail "retry-after in Python: $(spillway get "$id")"

# C: a kept program, built as the page says.
grep -qF 'cc examples/jobs/words.c -I jobs build/release/libspillway-job.a -o words' $doc || fail "the build is not in the page"
case $b in *asan) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
cc $sanitize "$jobs/words.c" -I jobs -Wall -Wextra -Werror "$b/libspillway-job.a" -o "$dir/words" ||
	fail "the build of words.c"
worker_start four --queue "c=keep:$dir/words"
[ "$(spillway put c 'to be or  not
to be' --wait 2>/dev/null)" = '{"words":6}' ] || fail "the C job's result"
[ "$(only_body counted)" = '{"words":6}' ] || fail "the C job's follow-up"
head -c 10 /dev/zero >"$dir/zeros"
dies "there is a zero byte in it" "$(spillway put c --file "$dir/zeros")"
echo "shell, Python and C; killed in the middle, with one effect"
