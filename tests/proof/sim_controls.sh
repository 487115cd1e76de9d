#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Puts a bug into the product and sees that the simulator finds it within so
# many seeds, however slow the machine; one line for each.  All bugs are in one
# build, and chosen as it runs.
set -u
build=${SPILLWAY_BIN:?"must be the build folder"}
build=${build#"$PWD"/} # as the Makefile names it
[ "$(basename "$build")" = release ] || {
	echo "skipped: all: the controls are built as release only"
	exit 0
}
chosen=$build-CHOSEN sim=$build-CHOSEN/tests/sim/proof_sim

# What no bug is planted in is the same object: what was built is taken over.
for dep in $(find "$build" -name '*.d' | xargs grep -L 'base/plant.h'); do
	object=${dep%.d}.o
	to=$chosen/${object#"$build"/}
	mkdir -p "$(dirname "$to")"
	cp -pu "$object" "$to" 2>/dev/null
done
make -s -j2 PLANT=CHOSEN "$sim" || exit 1
bugs=$("$sim" --plants | grep -vx -e NO_CHECKSUM -e NO_SYNC)
[ -n "$bugs" ] || { echo "FAILED: base/plant.h has no bug to plant"; exit 1; }

# control BUG: 0 if it was found.
control() {
	local found seed
	if found=$("$sim" --plant "$1" --from 1 --seeds 200 2>&1); then
		echo "NOT FOUND: $1 ($found)"
		return 1
	fi
	seed=$(sed -n 's/^seed \([0-9]*\) FAILED.*/\1/p' <<<"$found")
	[ -n "$seed" ] || {
		echo "FAILED: $1: $found"
		return 1
	}
	echo "found $1 at seed $seed: $(head -n 1 <<<"$found")"
}
export -f control
export sim
failed=0
# shellcheck disable=SC2086 # a list of names
printf '%s\n' $bugs | xargs -P "$(nproc)" -I{} bash -c 'control {}' || failed=1
if ! plain=$("$sim" --from 1 --seeds 20 2>&1); then
	echo "FAILED without a bug: $plain"
	failed=1
fi
# Nothing shows what two faults do at once unless they meet.
if [ "$(grep -oE '(kill|link|restart) [1-9][0-9]*' <<<"$plain" | wc -l)" != 3 ]; then
	echo "FAILED: two faults have never met"
	failed=1
fi
echo "without a bug: $plain"
exit $failed
