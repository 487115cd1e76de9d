#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A flipped bit hides a job; spillway-repair finds that and brings the job back.
. "$(dirname "$0")/../lib/e2e_lib.sh"

stop() { kill "$broker" && wait "$broker"; }
repair() { spillway-repair --data "$dir/data" "$@" 2>&1; }
files() { sha256sum "$dir/data/data.mdb" "$dir/data/journal"; }

refused 64 "--data FOLDER: missing option" spillway-repair
refused 64 "x: unexpected argument" spillway-repair --data "$dir/none" x
refused 64 "must be a size" spillway-repair --data "$dir/none" --map-size 12q
refused 66 "data.mdb: No such file" spillway-repair --data "$dir/none"
mkdir "$dir/empty" && : >"$dir/empty/data.mdb"
refused 66 "data.mdb: the file is empty" spillway-repair --data "$dir/empty" --rebuild
echo "no store, and longer than a page of LMDB's" >"$dir/empty/data.mdb"
refused 65 "empty" spillway-repair --data "$dir/empty"
for option in --verify --mend; do
	refused 64 "spillway-repair --data DIR" spillway-broker --data "$dir/data" $option
done
spillway-repair --help | grep -q -- --rebuild || fail "no help"

broker_start
id=$(spillway put q "kept")
refused 75 "another process has the store open" spillway-repair --data "$dir/data"
refused 75 "another process has the store open" spillway-repair --data "$dir/data" --rebuild
kill -9 "$broker" && wait "$broker" || :
before=$(files)
[ "$(repair)" = "1 jobs, 3 rows: all in order" ] || fail "$(repair)"
[ "$(files)" = "$before" ] || fail "a check has changed a file"
broker_start
stop
mv "$dir/data/journal" "$dir/journal"
refused 65 "the journal is missing" spillway-repair --data "$dir/data"
mv "$dir/journal" "$dir/data/journal"

# The index row of the job: r, queue 0, lane 0, rank, id.  Its rank changes.
python3 - "$dir/data/data.mdb" "$id" <<'E2'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
own = bytes.fromhex(sys.argv[2].replace("-", ""))
at = n = 0
while (at := data.find(own, at + 1)) > 0:
    if data[at - 21:at - 8] == b"r" + bytes(12):
        data[at - 1] ^= 1
        n += 1
assert n > 0
open(sys.argv[1], "wb").write(data)
E2
before=$(files)
status=0
found=$(repair) || status=$?
[ $status = 65 ] || fail "status $status: $found"
grep -q "job $id is ready in queue q: its index row is missing" <<<"$found" || fail "$found"
grep -q "1 jobs, 3 rows, 1 missing rows, 1 orphan rows" <<<"$found" || fail "$found"
[ "$(files)" = "$before" ] || fail "a check has changed a file"

found=$(repair --rebuild) || fail "$found"
grep -q "^repaired: 1 jobs, 3 rows: all in order" <<<"$found" || fail "$found"
broker_start
worker_start w --queue q=noop
spillway wait "$id" --timeout "${DEADLINE_S}s" >/dev/null || fail "the job does not run"
stop
repair >/dev/null || fail "$(repair)"

# The longest unique key, and one that it begins with.
long=$(printf '%0255d' 1)
broker_start
first=$(spillway put long "body" --unique "$long")
second=$(spillway put long "body" --unique "${long%1}")
stop
[[ $(repair) = *": all in order" ]] || fail "$(repair)"
[[ $(repair --rebuild) = *": all in order" ]] || fail "$(repair --rebuild)"
broker_start
for key in "$long" "${long%1}"; do
	! spillway put long "body" --unique "$key" >"$dir/taken" 2>&1 || fail "the key is free: $key"
	grep -q "unique" "$dir/taken" || fail "$(cat "$dir/taken")"
done
worker_start w2 --queue long=noop
for job in "$first" "$second"; do
	spillway wait "$job" --timeout "${DEADLINE_S}s" >/dev/null || fail "job $job does not run"
done
stop
echo "a job that a flipped bit hid is found, repaired, and runs; a check changes nothing, a repair nothing sound"
