#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pauses of 6 and 20 s that are nobody's fault, again and again for PROOF_S
# seconds (60; a short run has no 20 s): see pauses.py.  PAUSES=broker,machine:
# only these.  CONTROL=1: a broker that gives no pause back, to see it found.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder"}
play() { /usr/bin/python3 -B tests/proof/pauses.py "$@"; }
pauses=(6 20)
[ "${PROOF_S:-60}" -ge 60 ] || pauses=(6)

if [ -n "${CONTROL:-}" ]; then
	planted=build/release-NO_STALL_OFFSET
	make -s -j2 PLANT=NO_STALL_OFFSET all
	! found=$(PAUSES=both play "$planted" 6 2>/dev/null) || { echo "FAILED: no pause is given back, and nothing was found"; exit 1; }
	echo "control: $found" | sed 's/FAILED: //'
fi
until [ "$SECONDS" -ge "${PROOF_S:-60}" ] && [ -n "${played:-}" ]; do
	play "$b" "${pauses[@]}"
	played=1
done
