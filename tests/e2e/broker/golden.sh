#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A store of an older version: a check says what to do, a broker converts it and
# runs its jobs, also after a kill, and so does a repair.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

golden=$root/tests/golden
unpack() { rm -rf "$dir/golden" && tar -C "$dir" -xzf "$golden/$1.tar.gz"; }
repair() { spillway-repair --data "$dir/golden" --map-size 64m "$@"; }
files() { sha256sum "$dir/golden/data.mdb" "$dir/golden/journal"; }
start() {
	spillway-broker --data "$dir/golden" --map-size 64m --listen "$SPILLWAY_BROKER" 2>"$dir/broker.log" &
	broker=$!
	pids+=("$broker")
}

for store in format2-8f34508 format2-3b2ba4c; do
	unpack "$store"
	before=$(files)
	refused 65 "have format 2; a start of spillway-broker converts" repair
	[ "$(files)" = "$before" ] || fail "a check has changed the files"
	repair --rebuild | grep -q "^13 jobs, .*: all in order" || fail "repair: $(repair)"
	repair | grep -q "^13 jobs, .*: all in order" || fail "not in order"

	unpack "$store"
	for _ in 1 2 3; do # wherever the kill comes
		start
		kill -9 "$broker" && wait "$broker" || :
	done
	start
	until_true grep -q ev=ready "$dir/broker.log"
	worker_start "w-$store" --queue slow=exec:true
	for n in 5 6; do # 5: its worker is gone
		spillway wait 01900000-0000-7000-8000-00000000000$n --timeout "${DEADLINE_S}s" >/dev/null ||
			fail "job $n does not run"
	done
	kill "$worker" && wait "$worker" || :
	kill "$broker" && wait "$broker" || fail "the broker does not end: $(cat "$dir/broker.log")"
	repair | grep -q ": all in order" || fail "not in order: $(repair)"
done
echo "stores of older versions are converted at the start and by a repair, and run"
