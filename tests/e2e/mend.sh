#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Damage in LMDB's pages: whatever it is, --mend leads back to a broker that
# runs, with every job whose record is sound.
. "$(dirname "$0")/../lib/e2e_lib.sh"

stop() { kill "$broker" && wait "$broker"; }
verify() { spillway-broker --data "$dir/data" "$@" 2>&1; }

# damage HEX AT BYTE OP: of each row of data.mdb whose key is HEX the byte AT
# after the key's begin becomes BYTE, or has its bits set.
damage() {
	python3 - "$dir/data/data.mdb" "$@" <<'E2'
import sys
path, key, at, byte, how = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4], 0), sys.argv[5]
data = bytearray(open(path, "rb").read(8 << 20))
key = len(key).to_bytes(2, "little") + key
n, i = 0, -1
while (i := data.find(key, i + 1)) > 0:
    data[i + 2 + at] = byte if how == "set" else data[i + 2 + at] | byte
    n += 1
assert n > 0, "no such row"
open(path, "r+b").write(data)
E2
}

# A store with two queues, a job in each, and no broker.
store() {
	rm -rf "$dir/data"
	broker_start
	one=$(spillway put one "body")
	two=$(spillway put two "body")
	stop
}

# found PATTERN: --verify says so, with 65, and --mend mends it.
found() {
	local said status=0
	said=$(verify --verify) || status=$?
	[ $status = 65 ] || fail "verify: status $status: $said"
	grep -qE -- "$1" <<<"$said" || fail "verify: no '$1': $said"
	said=$(verify --mend) || status=$?
	grep -qE -- "^mended: .* all in order|^mended: .*$2" <<<"$said" || fail "mend: $said"
	mended=$said
}

both_run() {
	broker_start
	worker_start w --queue one=noop --queue two=noop
	spillway wait "$one" --timeout 30s >/dev/null || fail "one does not run"
	spillway wait "$two" --timeout 30s >/dev/null || fail "two does not run"
	kill "$worker" && wait "$worker"
	stop
	verify --verify >/dev/null || fail "$(verify --verify)"
}

not_served() {
	local status=0
	spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/refused.log" || status=$?
	[ $status = 70 ] || fail "status $status: $(cat "$dir/refused.log")"
	grep -qE "$1.*spillway-broker --mend" "$dir/refused.log" || fail "$(cat "$dir/refused.log")"
	[ "$(wc -l <"$dir/refused.log")" = 1 ] || fail "more than one line"
}

# A queue's row (q, number) whose first field is none.
store
damage 7100000001 5 0xff set
not_served "the row of queue number 1"
found "queue two has jobs, but no row of its own" none
both_run

# Two rows with the number 0.
store
damage 7100000001 4 0 set
not_served "the row of queue number 0"
found "queue two has jobs, but no row of its own" none
grep -q "data.mdb is made anew" <<<"$mended" || fail "$mended"
both_run

# A queue's row that says it is 1 GB long; the length stands before the key.
store
damage 7100000000 -5 0x40 or
not_served "the row of queue number 0"
found "1 rows have a damaged length" none
both_run

# A record that says so: the others run meanwhile, and it ends among the dead.
store
damage "6a${one//-/}" -5 0x40 or
broker_start
worker_start w --queue one=noop --queue two=noop
spillway wait "$two" --timeout 30s >/dev/null || fail "two does not run"
until_true grep -q "ev=damage what=.the length of the record of job $one.*--mend" "$dir/broker.log"
kill "$worker" && wait "$worker"
stop
found "job $one: its record is damaged" "1 damaged records"
broker_start
spillway dead list queue=one | grep -q "$one" || fail "it is not among the dead"
stop
verify --mend >/dev/null || fail "$(verify --verify)"
echo "damaged rows of queues and records are told, mended, and all sound jobs run"
