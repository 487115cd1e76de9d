#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# spillway-repair dies before its k-th write, reservation or call on a path, for
# each k, as by kill -9: the store opens, or is refused as before, and a second
# repair ends as one that was never interrupted.
. "$(dirname "$0")/../lib/e2e_lib.sh"
export ASAN_OPTIONS=verify_asan_link_order=0
preload=$b/tests/faults/preload_fault.so
crash=-3 # FAULT_CRASH of preload_fault.h

broker_start --map-size 64m
for i in $(seq 20); do spillway put one "job $i" >/dev/null; done
spillway put two "last" >/dev/null
{ kill -9 "$broker" && wait "$broker" || :; } 2>/dev/null

# block GROUP K: what preload_fault.so reads; calls and hits come back in it.
block() {
	python3 -c '
import struct, sys
open(sys.argv[1], "wb").write(struct.pack("=IIiIII", int(sys.argv[2]), 0, int(sys.argv[4]), int(sys.argv[3]), 1, 0) + bytes(40 + 192))' \
		"$dir/block" "$1" "$2" "$crash"
}
hits() { od -A n -t u4 -j 60 -N 4 "$dir/block" | tr -d ' '; }

fresh() {
	rm -rf "$dir/x"
	cp -r "$dir/$1" "$dir/x"
}
check() { spillway-repair --data "$dir/x" --map-size 64m 2>&1; }
repair() { spillway-repair --data "$dir/x" --map-size 64m "$how" "$@" 2>&1; }
how=--rebuild

# killed STORE OLD [OPTION]...: OLD is what a check may say while the store is
# not repaired yet.
killed() {
	local store=$1 old=$2 k found status n=0
	shift 2
	fresh "$store"
	repair "$@" >"$dir/whole" || fail "$store: $(cat "$dir/whole")"
	check >"$dir/after" || fail "$store: $(cat "$dir/after")"
	for group in 0 7 8; do # write, space, path
		for ((k = 1; ; k++)); do
			fresh "$store"
			block $group $k
			{ FAULT_BLOCK=$dir/block LD_PRELOAD=$preload repair "$@" >"$dir/killed" || :; } 2>/dev/null
			[ "$(hits)" -gt 0 ] || break
			n=$((n + 1)) status=0
			found=$(check) || status=$?
			[ $status = 0 ] || grep -qE -- "$old" <<<"$found" ||
				fail "$store, group $group, call $k: status $status: $found"
			[ $status != 0 ] || [ "$found" = "$(cat "$dir/after")" ] ||
				fail "$store, group $group, call $k: in order, but $found"
			repair "$@" >"$dir/second" || fail "$store, group $group, call $k: $(cat "$dir/second")"
			[ "$(check)" = "$(cat "$dir/after")" ] || fail "$store, group $group, call $k: then $(check)"
		done
	done
	[ $n -gt 20 ] || fail "$store: only $n kills"
	said+="$store $n, "
}
said=

# The row of queue two says that it is 1 GB long: data.mdb is written anew.
cp -r "$dir/data" "$dir/pages"
spillway-broker --data "$dir/pages" --map-size 64m --listen "ipc://$dir/p.sock" 2>"$dir/pages.log" &
broker=$!
pids+=("$broker")
until_true grep -q ev=ready "$dir/pages.log"
kill "$broker" && wait "$broker"
python3 - "$dir/pages/data.mdb" <<'E2'
import sys
data = bytearray(open(sys.argv[1], "rb").read(8 << 20))
key, i, n = b"\x05\0" + bytes.fromhex("7100000001"), -1, 0
while (i := data.find(key, i + 1)) > 0:
    if data[(i & -4096) + 10] & 2:  # P_LEAF: a key of a branch page leads on to a page
        data[i - 3] |= 0x40
        n += 1
assert n > 0
open(sys.argv[1], "r+b").write(data)
E2
killed pages "queue two has jobs but no row|1 rows have a corrupt length|missing rows|wrong counters"

# Without the journal: none, of which a repair first makes an empty one; one that
# was cut short; one with a gap.
cp -r "$dir/data" "$dir/missing"
rm "$dir/missing/journal"
killed missing "the journal is (missing|corrupt)" --without-journal
cp -r "$dir/data" "$dir/short"
truncate -s $((10 * 512 + 100)) "$dir/short/journal"
killed short "the journal is cut short" --without-journal
cp -r "$dir/data" "$dir/gap"
printf x | dd of="$dir/gap/journal" bs=1 seek=$((10 * 512 + 100)) conv=notrunc status=none
killed gap "the journal is corrupt" --without-journal

# A sound store is sound at each instant while its data.mdb is written anew.
cp -r "$dir/data" "$dir/compact"
how=--compact killed compact "no other line"
echo "repairs killed at each call: ${said%, }"
