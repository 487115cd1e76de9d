#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Puts a bug into the product and sees that the simulator finds it within so
# many seeds, however slow the machine; one line for each.
set -u
build=${SPILLWAY_BIN:?"must be the build folder"}
build=${build#"$PWD"/} # as the Makefile names it
[ "$(basename "$build")" = release ] || {
	echo "skipped: all: the controls are built as release only"
	exit 0
}
bugs=$(sed -n 's/^\tPLANT_\([A-Z_]*\),.*/\1/p' base/plant.h | grep -vx -e NONE -e NO_CHECKSUM -e NO_SYNC)
[ -n "$bugs" ] || { echo "FAILED: base/plant.h has no bug to plant"; exit 1; }
failed=0

# What no bug is planted in is the same object: built once, used by all.
prepare() {
	for dep in $(find "$build" -name '*.d' | xargs grep -L 'base/plant.h'); do
		object=${dep%.d}.o
		to=$build-$1/${object#"$build"/}
		mkdir -p "$(dirname "$to")"
		cp -pu "$object" "$to" 2>/dev/null
	done
}

for bug in $bugs; do
	prepare "$bug"
	make -s -j2 PLANT="$bug" "$build-$bug/tests/sim/proof_sim" || exit 1
	began=$(date +%s%N)
	if found=$("$build-$bug/tests/sim/proof_sim" --from 1 --seeds 200 2>&1); then
		echo "NOT FOUND: $bug ($found)"
		failed=1
		continue
	fi
	ms=$((($(date +%s%N) - began) / 1000000))
	seed=$(sed -n 's/^seed \([0-9]*\) FAILED.*/\1/p' <<<"$found")
	echo "found $bug at seed $seed in $ms ms: $(head -n 1 <<<"$found")"
done
if ! plain=$("$build/tests/sim/proof_sim" --from 1 --seeds 20 2>&1); then
	echo "FAILED without a bug: $plain"
	failed=1
fi
echo "without a bug: $plain"
exit $failed
