#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Corrupt pages of LMDB: spillway-repair leads back to a broker that runs, with
# every job whose record is sound.
. "$(dirname "$0")/../lib/e2e_lib.sh"

stop() { kill "$broker" && wait "$broker"; }
repair() { spillway-repair --data "$dir/data" "$@" 2>&1; }

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

# found PATTERN REST: a check says so, with 65, and --rebuild repairs all but REST.
found() {
	local found status=0
	found=$(repair) || status=$?
	[ $status = 65 ] || fail "check: status $status: $found"
	grep -qE -- "$1" <<<"$found" || fail "check: no '$1': $found"
	repaired=$(repair --rebuild) || :
	grep -qE -- "^repaired: .* all in order|^repaired: .*$2" <<<"$repaired" || fail "repair: $repaired"
}

both_run() {
	broker_start
	worker_start w --queue one=noop --queue two=noop
	spillway wait "$one" --timeout "${DEADLINE_S}s" >/dev/null || fail "one does not run"
	spillway wait "$two" --timeout "${DEADLINE_S}s" >/dev/null || fail "two does not run"
	kill "$worker" && wait "$worker"
	stop
	repair >/dev/null || fail "$(repair)"
}

not_served() {
	local status=0
	spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/refused.log" || status=$?
	[ $status = 70 ] || fail "status $status: $(cat "$dir/refused.log")"
	grep -qE "$1.*spillway-repair --data $dir/data --rebuild" "$dir/refused.log" || fail "$(cat "$dir/refused.log")"
	[ "$(wc -l <"$dir/refused.log")" = 1 ] || fail "more than one line"
}

# A queue's row (q, number) whose first field is none.
store
damage 7100000001 5 0xff set
not_served "the row of queue number 1"
found "queue two has jobs but no row" none
both_run

# Two rows with the number 0.
store
damage 7100000001 4 0 set
not_served "the row of queue number 0"
found "queue two has jobs but no row" none
grep -q "data.mdb rebuilt" <<<"$repaired" || fail "$repaired"
both_run

# A queue's row that says it is 1 GB long; the length stands before the key.
store
damage 7100000000 -5 0x40 or
not_served "the row of queue number 0"
found "1 rows have a corrupt length" none
both_run

# A record that says so: the others run meanwhile, and it ends among the dead.
store
damage "6a${one//-/}" -5 0x40 or
broker_start
worker_start w --queue one=noop --queue two=noop
spillway wait "$two" --timeout "${DEADLINE_S}s" >/dev/null || fail "two does not run"
until_true grep -q "ev=damage what=.the length of the record of job $one.*--rebuild" "$dir/broker.log"
kill "$worker" && wait "$worker"
stop
found "job $one: corrupt record" "1 corrupt records"
broker_start
spillway dead list queue=one | grep -q "$one" || fail "it is not among the dead"
stop
repair --rebuild >/dev/null || fail "$(repair)"
echo "corrupt rows of queues and records are found and repaired, and all sound jobs run"
