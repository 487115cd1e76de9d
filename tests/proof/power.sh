#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The power goes: see docs/testing.md.  POWER_S=SECONDS (PROOF_S, 60),
# SEED= and POWER_ONE=STATE to see one again; CONTROL=1 builds a store that
# opens LMDB without sync, to see it found.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder"}
export POWER_S=${POWER_S:-${PROOF_S:-60}} ASAN_OPTIONS=verify_asan_link_order=0

power() {
	LD_PRELOAD="$1/tests/power/preload_trace.so" "$1/tests/power/proof_power"
}

if [ -n "${CONTROL:-}" ]; then
	planted=build/release-NO_SYNC
	make -s -j2 PLANT=NO_SYNC $planted/tests/power/proof_power $planted/tests/power/preload_trace.so
	! found=$(power $planted 2>&1) || { echo "FAILED: MDB_NOSYNC, and nothing was found"; exit 1; }
	grep -m 1 '^FAILED: SEED' <<<"$found" | sed 's/^FAILED/control: MDB_NOSYNC/'
fi
power "$b"
