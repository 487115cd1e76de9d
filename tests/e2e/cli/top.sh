#!/bin/bash
# SPDX-License-Identifier: MIT
# The live screen on terminals of 60 columns and more: progress, and keys that
# run, redrive, pause and cancel what is selected.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
broker_start
worker_start one --slots 1 --queue 'work=exec:sh -c "echo progress 40 half >&3; exec sleep 3600"'
for width in 60 72 80 120; do
	RUNNING=$(spillway put work x --timeout 1h)
	until_true sh -c "spillway why $RUNNING | grep -q '40 %'"
	LATER=$(spillway put later x --delay 1h)
	DEAD=$(spillway put gone x --expires 0)
	spillway wait "$DEAD" 2>/dev/null && fail "it is not dead"
	spillway queue set doomed dead_to=graves >/dev/null
	MOVED=$(spillway put doomed x --expires 0)
	until_true sh -c "spillway get $MOVED | grep -q 'died in *doomed'"
	PLAIN=$(spillway put plain x)
	export RUNNING LATER DEAD MOVED PLAIN
	timeout 300 python3 "$root/tests/e2e/cli/top.py" $width || fail "$width columns"
	spillway purge state=ready --all --yes >/dev/null
	spillway purge state=dead --all --yes >/dev/null
done
[ "$(spillway top --once | grep -c "^WORKER ")" = 1 ] || fail "--once"
echo "60, 72, 80 and 120 columns"
