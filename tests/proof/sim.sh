#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The simulator over the seeds that once failed, then over fresh ones for SIM_S
# seconds (PROOF_S, 60).
set -u
sim=${SPILLWAY_BIN:?"must be the build folder"}/tests/sim/proof_sim
seconds=${SIM_S:-${PROOF_S:-60}}

old=0
while read -r seed; do
	case $seed in '' | '#'*) continue ;; esac
	"$sim" --seed "$seed" || exit 1
	old=$((old + 1))
done <"$(dirname "$0")/sim.seeds"
[ $old -gt 0 ] || { echo "FAILED: sim.seeds has no seed"; exit 1; }
cmp <("$sim" --seed "$seed" --trace) <("$sim" --seed "$seed" --trace) || {
	echo "seed $seed does not repeat itself"
	exit 1
}
fresh=$("$sim" --seconds "$seconds") || exit 1
echo "sim: $old old seeds, then $fresh"
