#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# logs.sh [BUILD]: log lines a second on one core, through the whole queue: a
# broker, a worker with one slot, the job `logs`.  What counts is the CPU time
# of the worker and its child, hashes of blobs included; the clock stands beside
# it, and the put is in neither.  LOGS_LINES (2000000) a blob; the best of ROUNDS (3).
set -euo pipefail
b=$(cd "${1:-build/release}" && pwd)
dir=$(mktemp -d "$b/logs.XXXXXX")
export PATH=$b:$PATH SPILLWAY_BROKER=ipc://$dir/b.sock SPILLWAY_BLOBS=$dir/blobs SPILLWAY_LOGS_DB=$dir/r.db
pids=()
quit() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || :; done
	wait 2>/dev/null || :
	rm -rf "$dir"
}
trap quit EXIT
: "${LOGS_LINES:=2000000}" "${ROUNDS:=3}" "${LOGS_KINDS:=plain zstd gzip json lines}"
mkdir "$dir/blobs"
loggen --lines "$LOGS_LINES" --seed 7 --bad-every 10000 >"$dir/plain"
gzip -c "$dir/plain" >"$dir/gzip"
zstd -q "$dir/plain" -o "$dir/zstd"
head -n 100000 "$dir/plain" >"$dir/lines"
# With the names of nginx; what is no line of the combined format stays as it is.
python3 - "$dir/plain" >"$dir/json" <<'P'
import json, re, sys
quoted = r' "((?:[^"\\]|\\.)*)"'
line = re.compile(r'(\S+) \S+ \S+ \[([^]]*)\]' + quoted + r' (\d{3}) (\d+)' + quoted * 2 + r' ([\d.]+)$')
sys.stdout.reconfigure(errors="surrogateescape")
for text in open(sys.argv[1], errors="surrogateescape", newline="\n"):
    m = line.match(text)
    if not m:
        sys.stdout.write(text)
        continue
    client, at, request, status, size, referer, agent, took = m.groups()
    request, referer, agent = (re.sub(r"\\(.)", r"\1", s) for s in (request, referer, agent))
    print(json.dumps({"remote_addr": client, "time_local": at, "request": request, "status": int(status),
                      "body_bytes_sent": int(size), "http_referer": referer, "http_user_agent": agent,
                      "request_time": float(took)}, ensure_ascii=False, separators=(",", ":")))
P
spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/broker.log" &
pids+=("$!")
until grep -q ev=ready "$dir/broker.log"; do read -rt 0.05 <> <(:) || :; done
for q in $LOGS_KINDS; do spillway queue set "$q" paused=yes timeout_ms=600000; done

# Ticks (10 ms) of user and system time, own and of children that were waited for.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 + $14 + $15 }' "/proc/$1/stat"; }
left() { spillway queues --json | grep "\"queue\":\"$1\"" | python3 -c '
import json, sys
s = json.load(sys.stdin)["stats"]
print(sum(int(s.get(k, 0)) for k in ("ready", "delayed", "leased")))'; }

# run QUEUE: prints CPU and wall ms of what waits there.
run() {
	local from worker cpu hz
	hz=$(getconf CLK_TCK)
	spillway-worker --slots 1 --blobs "$dir/blobs" --queue "$1=logs" 2>>"$dir/worker.log" &
	worker=$!
	pids+=("$worker")
	from=$(date +%s%N)
	spillway resume "$1"
	while [ "$(left "$1")" != 0 ]; do read -rt 0.02 <> <(:) || :; done
	local wall=$((($(date +%s%N) - from) / 1000000))
	spillway pause "$1"
	cpu=$(ticks "$worker")
	for child in $(pgrep -P "$worker"); do cpu=$((cpu + $(ticks "$child"))); done
	kill "$worker" && wait "$worker" || :
	echo "$((cpu * 1000 / hz)) $wall"
}

put() {
	case $1 in
	lines) spillway put lines --lines "$dir/lines" ;;
	*) spillway put "$1" --blob "$dir/$1" >/dev/null ;;
	esac
}

for what in $LOGS_KINDS; do
	n=$LOGS_LINES how="as a blob"
	[ $what != lines ] || n=100000 how="as bodies of 128 KB"
	best='' best_wall=
	for ((i = 0; i < ROUNDS; i++)); do
		put $what 2>/dev/null
		read -r cpu wall < <(run $what)
		[ -n "$best" ] && [ "$cpu" -ge "$best" ] || best=$cpu best_wall=$wall
	done
	awk -v n="$n" -v cpu="$best" -v wall="$best_wall" -v what="$what, $how" 'BEGIN {
		printf "%-28s %6.2f M lines/s a core, %6.2f M lines/s by the clock\n", what ":", n / cpu / 1000, n / wall / 1000 }'
done
