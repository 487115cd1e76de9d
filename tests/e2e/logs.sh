#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The job logs through a real worker: a log as lines, as gzip and as zstd, as
# body and as blob, in little memory; bombs, damage, the archive, CSV, and a
# report of version 1 or 2.
. "$(dirname "$0")/../lib/e2e_lib.sh"
cd "$(dirname "$0")/../.."
export SPILLWAY_BLOBS=$dir/blobs
mkdir "$dir/blobs" "$dir/archive"

loggen --lines 60000 --seed 11 --bad-every 500 --answer "$dir/answer.json" >"$dir/a.txt"
gzip -k "$dir/a.txt"
zstd -q "$dir/a.txt"
head -n 400 "$dir/a.txt" | gzip >"$dir/small.gz"
head -c 100000000 /dev/zero | gzip >"$dir/bomb.gz"
head -c 100000000 /dev/zero | zstd -q >"$dir/bomb.zst"
head -c 100000 "$dir/a.txt.gz" >"$dir/torn.gz"
printf '[logs]\nmax_expanded = 95m\nmax_ratio = 200\narchive = %s\n' "$dir/archive" >"$dir/jobs.conf"
printf '[logs]\nmax_ratio = 1000000\n' >"$dir/open.conf"
printf '[logs]\nmax_expanded = 0\n' >"$dir/bad.conf"
refused 78 'bad.conf:2.*max_expanded' spillway-worker --jobs "$dir/bad.conf" --queue q=logs
printf '[logs]\narchive = %s/nowhere\n' "$dir" >"$dir/bad.conf"
refused 78 'archive in .logs.: .*/nowhere: No such file' spillway-worker --jobs "$dir/bad.conf" --queue q=logs

broker_start
worker_of() { SPILLWAY_LOGS_DB=$dir/$1.db worker_start "$1" --blobs "$dir/blobs" --jobs "$dir/${2-jobs}.conf" --queue "$1=logs"; }
right() {
	spillway-report --json "$dir/$1.db" >"$dir/$1.json"
	python3 examples/demo_check.py "$dir/answer.json" "$dir/$1.json" >"$dir/said" || fail "$1: $(cat "$dir/said")"
}
dies() {
	! spillway wait "$1" >/dev/null 2>&1 || fail "it went well, instead of '$2'"
	spillway dead show "$1" >"$dir/said"
	grep -qE -- "$2" "$dir/said" || fail "no '$2' in $(cat "$dir/said")"
	grep -q 'attempts *1\b' "$dir/said" || fail "it was tried again: $(cat "$dir/said")"
}

# The same log in every form: the generator's answer each time.
worker_of lines
spillway put lines --lines "$dir/a.txt"
until_true count_is 0 lines ready delayed leased
right lines
for way in a.txt a.txt.gz a.txt.zst; do
	q=${way//./-}
	worker_of "$q"
	spillway wait "$(spillway put "$q" --blob "$dir/$way")" >/dev/null
	right "$q"
done
cmp <(sed 's/"jobs":[0-9]*//' "$dir/a-txt-gz.json") <(sed 's/"jobs":[0-9]*//' "$dir/a-txt-zst.json")

# The archive has the log, byte by byte.
for f in "$dir"/archive/2026-03-01/*.zst; do
	[ "$(zstdcat "$f" | wc -l)" != 60000 ] || { zstdcat "$f" | cmp - "$dir/a.txt" && whole=yes; }
done
[ "${whole:-no}" = yes ] || fail "no archived file is the log"

# A small gzip is a body; 90 MB in a blob are counted in less than 64 MB.
worker_of small
spillway wait "$(spillway put small - <"$dir/small.gz")" | grep -q '"lines":400,'
for i in 1 2 3 4 5 6 7 8; do cat "$dir/a.txt"; done | zstd -q >"$dir/large.zst"
id=$(spillway put small --blob "$dir/large.zst")
spillway wait "$id" | grep -q '"lines":480000,'
rss=$(spillway get "$id" | sed -n 's/.*rss \([0-9]*\)[.0-9]* MB.*/\1/p')
most=64
case $b in *asan) most=160 ;; esac # what a sanitizer keeps of its own
[ "$rss" -lt $most ] || fail "it took $rss MB"

# Bombs and damage fail at once with an error; without limits the bomb expands.
dies "$(spillway put small --blob "$dir/bomb.gz")" 'expands (to )?more than .*max_'
dies "$(spillway put small --blob "$dir/bomb.zst")" 'expands (to )?more than .*max_'
dies "$(spillway put small --blob "$dir/torn.gz")" 'the gzip data ends in the middle'
worker_of open open
dies "$(spillway put open --blob "$dir/bomb.zst")" 'not an access log: none of 1 lines .*longer than 256 KB'

# CSV: RFC 4180, and no formulas.
printf '%s\n' '192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] "GET =cmd|x,\"y\" HTTP/1.1" 404 1 "-" "curl/1"' \
	'192.0.2.1 - - [01/Mar/2026:00:00:01 +0000] "GET @SUM(A1) HTTP/1.1" 200 1 "-" "Mozilla"' '-1+2' >"$dir/evil.txt"
worker_of evil
spillway wait "$(spillway put evil --blob "$dir/evil.txt")" >/dev/null
for t in total status days paths slow bots malformed; do spillway-report --csv $t "$dir/evil.db" >"$dir/$t.csv"; done
python3 - "$dir" <<'P'
import csv, sys
def rows(t): return list(csv.DictReader(open(f"{sys.argv[1]}/{t}.csv", newline=""), strict=True))
paths = {r["path"]: r for r in rows("paths")}
assert set(paths) == {"'=cmd|x,\\\"y\\\"", "'@SUM(A1)"}, paths
assert paths["'=cmd|x,\\\"y\\\""]["errors_4xx"] == "1"
assert rows("malformed")[0]["line"] == "'-1+2", rows("malformed")
assert rows("days") == [dict(day="2026-03-01", requests="2", bytes="2", sessions="2", visitors="2", exact="1")], rows("days")
assert rows("bots") == [dict(word="curl", requests="1", bytes="1")]
assert rows("total")[0]["first"] == "2026-03-01 00:00:00"
assert b"\r\n" in open(f"{sys.argv[1]}/slow.csv", "rb").read()
P
refused 64 "^spillway-report: --csv is 'nonsense': must be one of total" spillway-report --csv nonsense "$dir/evil.db"

# A report that cannot be written is an alarm, until the first success.
mkdir "$dir/late.db"
spillway queue set late backoff_ms=10 max_attempts=1000 backoff_factor=1
worker_of late
id=$(spillway put late --blob "$dir/evil.txt")
until_true grep -q 'ev=alarm job=logs text="the report .*/late.db cannot be written' "$dir/late.log"
rmdir "$dir/late.db"
spillway wait "$id" >/dev/null
until_true grep -q 'ev=alarm-over job=logs' "$dir/late.log"

# spillway-report refuses a report of version 1; a job brings it up to date.
python3 - "$dir/old.db" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript("""
CREATE TABLE merged(job_id BLOB PRIMARY KEY, at_ms INTEGER NOT NULL, requests INTEGER NOT NULL, bad INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE total(one INTEGER PRIMARY KEY CHECK(one = 1), requests INTEGER NOT NULL, bad INTEGER NOT NULL, bytes INTEGER NOT NULL, first_s INTEGER, last_s INTEGER, visitors BLOB NOT NULL) STRICT;
INSERT INTO total VALUES(1, 5, 0, 50, NULL, NULL, zeroblob(4096));
CREATE TABLE status(status INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
CREATE TABLE size(bucket INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
CREATE TABLE path(path TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO path VALUES('/old', 5);
CREATE TABLE sample(nr INTEGER PRIMARY KEY, job_id BLOB NOT NULL, line BLOB NOT NULL, why TEXT NOT NULL) STRICT;
PRAGMA user_version=1;
PRAGMA application_id=1398230087;
""")
P
refused 65 'older version: the next job' spillway-report "$dir/old.db"
worker_of old
spillway wait "$(spillway put old --blob "$dir/evil.txt")" >/dev/null
spillway-report --json "$dir/old.db" | python3 -c '
import json, sys
r = json.load(sys.stdin)
assert r["requests"] == 7 and r["top_paths"][0] == {"path": "/old", "requests": 5}, r
assert r["errors_4xx"][0]["errors"] == 1 and len(r["days"]) == 1, r'

# The same for version 2, whose times were in a table.
python3 - "$dir/lines.db" "$dir/two.db" <<'P'
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", (sys.argv[2],))
db = sqlite3.connect(sys.argv[2])
db.executescript("""
CREATE TABLE keep AS SELECT * FROM path_time;
DROP VIEW path_time;
CREATE TABLE path_time(path TEXT NOT NULL, bucket INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(path, bucket)) STRICT, WITHOUT ROWID;
INSERT INTO path_time SELECT * FROM keep;
DROP TABLE keep;
ALTER TABLE path DROP COLUMN times;
PRAGMA user_version=2;
""")
P
refused 65 'older version: the next job' spillway-report "$dir/two.db"
worker_of two
spillway wait "$(spillway put two --blob "$dir/evil.txt")" >/dev/null
spillway-report --csv slow "$dir/lines.db" >"$dir/slow.three"
[ "$(wc -l <"$dir/slow.three")" -eq 11 ]
spillway-report --csv slow "$dir/two.db" | diff "$dir/slow.three" -
echo ok
