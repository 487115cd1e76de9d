#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A full disk (a small tmpfs), a full map, a full queue: puts are refused by
# name, all that waits drains, puts go on.
# The disk is mounted where nobody else sees it, which needs no root.
for apart in "unshare --mount" "unshare --mount --map-root-user"; do
	[ -n "${FULL_APART:-}" ] || ! $apart true 2>/dev/null || FULL_APART=y exec $apart "$0"
done
. "$(dirname "$0")/../lib/e2e_lib.sh"
body=$(head -c 100000 /dev/zero | tr '\0' x)

# Puts until one is refused with STATUS; how many were confirmed.
fill() {
	local n=0 status=0
	while [ $n -lt 20000 ]; do
		status=0
		printf %s "$body" | spillway put work - >/dev/null 2>"$dir/refusal" || status=$?
		[ $status = 0 ] || break
		n=$((n + 1))
	done
	grep -q "$1" "$dir/refusal" || fail "put: status $status, no $1: $(cat "$dir/refusal")"
	echo "$n"
}

# drained N: what was confirmed is seen, run and done, although it is full.
drained() {
	spillway queues >/dev/null
	spillway list queue=work --limit 1 --json | grep -q '"id"' || fail "no listing while full"
	worker_start drain --queue work=noop
	until_true count_is "$1" work done_total
	kill -TERM "$worker"
	wait "$worker" || fail "the worker: $?"
}

# cycle NAME ERROR MINIMUM [BROKER-ARGUMENT]...
cycle() {
	local name=$1 error=$2 least=$3 n m
	shift 3
	broker_start "$@"
	spillway queue set work retain_done_ms=0 >/dev/null
	n=$(fill "$error")
	[ "$n" -ge "$least" ] || fail "$name: only $n fitted"
	kill -9 "$broker"
	wait "$broker" 2>/dev/null || :
	broker_start "$@"
	drained "$n"
	# Room for a job comes back with each drain.  For how many depends on when
	# the index was committed, so it is filled and drained until it is many.
	m=0
	until [ "$m" -ge $((n / 2)) ]; do
		until_true sh -c "printf x | spillway put work -"
		m=$((m + 1 + $(fill "$error")))
		drained $((n + m))
	done
	said+="$name $n then $m; "
	kill -TERM "$broker"
	wait "$broker" || fail "$name: the broker ended with $?"
	find "$dir/data" -type f -delete
}

said=''
mkdir "$dir/data"
cycle map 'store is full' 100 --map-size 32m
if [ -n "${FULL_APART:-}" ] && mount -t tmpfs -o size=96m none "$dir/data"; then
	cycle disk 'store is full' 50
	umount -l "$dir/data"
else
	echo "skipped: disk: no mount namespace can be had here"
fi
broker_start
spillway queue set work max_jobs=3 >/dev/null
[ "$(fill 'max_jobs')" = 3 ] || fail "max_jobs=3"
spillway queue set work max_jobs=0 max_bytes=500000 >/dev/null
[ "$(fill 'max_bytes')" -le 2 ] || fail "max_bytes=500000"
drained "$(count work ready)"
echo "full: ${said}max_jobs and max_bytes heeded"
