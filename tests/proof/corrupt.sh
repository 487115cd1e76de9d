#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# P8: a flipped bit anywhere in the store is never delivered.  CORRUPT_N flips
# (25 for each of PROOF_S seconds, 60), SEED= and ONE= repeat one of them; CONTROL=1
# builds a broker that takes records without their checksum, to see it found.
. "$(dirname "$0")/../lib/e2e_lib.sh"
flips=${CORRUPT_N:-$((25 * ${PROOF_S:-60}))}
# What a sanitizer finds is to reach the reader's handler, which knows whose it is.
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1
seed=${SEED:-$RANDOM$RANDOM}
if [ -w /dev/shm ]; then
	rm -rf "${dir:?}"
	dir=$(mktemp -d /dev/shm/spillway-corrupt.XXXXXX)
fi

flip() {
	mkdir "$dir/$1"
	SEED=$2 CORRUPT_N=$3 "$b/tests/faults/proof_corrupt" "$dir/$1" >"$dir/$1.out" 2>&1
}

# The control: a body that the reader does not expect is found, each time.
if (unset ONE && LIE=1 flip lie "$seed" 4) || ! grep -q "WRONG BODY" "$dir/lie.out"; then
	fail "a wrong body was not found"
fi
if [ -n "${CONTROL:-}" ]; then
	make -s -j2 PLANT=NO_CHECKSUM build/release-NO_CHECKSUM/tests/faults/proof_corrupt
	mkdir "$dir/control"
	! SEED=$seed CORRUPT_N=40 build/release-NO_CHECKSUM/tests/faults/proof_corrupt "$dir/control" \
		>"$dir/control.out" 2>&1 || fail "no checksum, and nothing was found"
	grep -h 'flips,' "$dir/control.out"
fi
# On a damaged page LMDB may write beyond it, into what is ours; whatever is
# then wrong with us was not our doing.  memcheck sees who wrote first.
lmdb_wrote_beyond() {
	rm -rf "$dir/check" && mkdir "$dir/check"
	SEED=$1 CORRUPT_N=$2 ONE=$3 valgrind -q --trace-children=yes "$b/tests/faults/proof_corrupt" "$dir/check" >"$dir/check.out" 2>&1 || :
	grep -a -A 3 'Invalid write' "$dir/check.out" | grep -a -v vgpreload >"$dir/wrote" || return 1
	sed -n 2p "$dir/wrote" | grep -a -q liblmdb
}

# A length of up to 2 KB too much, on a page that LMDB has copied into the heap,
# makes us read beyond that copy before the checksum tells: nothing in LMDB's
# interface says where its page ends.  Only asan minds.
read_beyond_a_copied_page() {
	rm -rf "$dir/check" && mkdir "$dir/check"
	SEED=$1 CORRUPT_N=$2 ONE=$3 "$b/tests/faults/proof_corrupt" "$dir/check" >"$dir/check.out" 2>&1 || :
	grep -a -A 9 '^READ of size' "$dir/check.out" | grep -a -q 'sealed_open' &&
		grep -a -q 'to the right of 4096-byte region' "$dir/check.out" &&
		grep -a -A 2 '^allocated by' "$dir/check.out" | grep -a -q liblmdb
}

again() {
	cat "$dir/$1.out" >&2
	grep -q '^FAILED' "$dir/$1.out" || fail "it ended without a word"
	for i in $(grep '^FAILED' "$dir/$1.out" | grep -o 'flip [0-9]*' | cut -c6-); do
		read_beyond_a_copied_page "$2" "$3" "$i" || lmdb_wrote_beyond "$2" "$3" "$i" ||
			fail "to see it again: SEED=$2 CORRUPT_N=$3 ONE=$i make corrupt"
		echo "note: beyond LMDB's page: flip $i"
	done
}

# One that repeats a flip needs but one process; two share the others.
half=$((flips / 2 + 1))
[ -z "${ONE:-}" ] || { flip one "$seed" "$flips" || again one "$seed" "$flips"; cat "$dir/one.out"; exit; }
flip a "$seed" $half &
other=$!
flip b $((seed + 1)) $half || again b $((seed + 1)) $half
wait $other || again a "$seed" $half
grep -h 'flips,' "$dir"/[ab].out
