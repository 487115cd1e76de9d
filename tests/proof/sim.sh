#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sim.sh BUILD: the simulator over the seeds that once failed, then over fresh
# ones for SIM_S seconds (60; 20 in `make check` and where CI is set).
set -u
build=$1
sim=$build/tests/proof_sim
here=$(dirname "$0")
seconds=20
# Run by `make sim` itself, not as one of many by run.sh.
[ -z "${SPILLWAY_BIN:-}${CI:-}" ] && seconds=60
seconds=${SIM_S:-$seconds}

old=0
while read -r seed; do
	case $seed in '' | '#'*) continue ;; esac
	"$sim" --seed "$seed" || exit 1
	old=$((old + 1))
done <"$here/sim.seeds"
fresh=$("$sim" --seconds "$seconds") || exit 1
echo "sim: $old old seeds, then $fresh"
