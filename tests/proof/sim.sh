#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sim.sh BUILD: the simulator over the seeds that once failed, then over fresh
# ones for SIM_S seconds: 60, and 20 where a person runs `make check`.
set -u
sim=$1/tests/sim/proof_sim
seconds=${SIM_S:-${BRIEF:+20}}
seconds=${seconds:-60}

old=0
while read -r seed; do
	case $seed in '' | '#'*) continue ;; esac
	"$sim" --seed "$seed" || exit 1
	old=$((old + 1))
done <"$(dirname "$0")/sim.seeds"
cmp <("$sim" --seed "$seed" --trace) <("$sim" --seed "$seed" --trace) || {
	echo "seed $seed does not repeat itself"
	exit 1
}
fresh=$("$sim" --seconds "$seconds") || exit 1
echo "sim: $old old seeds, then $fresh"
