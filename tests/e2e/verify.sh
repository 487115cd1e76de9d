#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A flipped bit hides a job; --verify tells, --mend brings it back.
. "$(dirname "$0")/../lib/e2e_lib.sh"

stop() { kill "$broker" && wait "$broker"; }
verify() { spillway-broker --data "$dir/data" "$@" 2>&1; }

refused 66 "data.mdb: No such file" spillway-broker --data "$dir/none" --verify
broker_start
id=$(spillway put q "kept")
refused 75 "EBUSY|another" spillway-broker --data "$dir/data" --verify
stop
[ "$(verify --verify)" = "1 jobs, 3 rows: all in order" ] || fail "$(verify --verify)"

# The row in the line: r, queue 0, lane 0, rank, id.  Its rank changes.
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
status=0
said=$(verify --verify) || status=$?
[ $status = 65 ] || fail "status $status: $said"
grep -q "job $id is ready in q: no row leads to it" <<<"$said" || fail "$said"
grep -q "1 jobs, 3 rows, 1 rows missing, 1 rows too many" <<<"$said" || fail "$said"

said=$(verify --mend) || fail "$said"
grep -q "^mended: 1 jobs, 3 rows: all in order" <<<"$said" || fail "$said"
broker_start
worker_start w --queue q=noop
spillway wait "$id" --timeout 30s >/dev/null || fail "the job does not run"
stop
verify --verify >/dev/null || fail "$(verify --verify)"
echo "a job that a flipped bit hid is found, mended, and runs"
