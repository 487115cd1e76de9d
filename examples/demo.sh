#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo.sh BUILD: real work through a real broker and real workers, two of
# which, and the broker, are killed with -9 in the middle.
set -euo pipefail

b=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p build/demo
dir=$(mktemp -d build/demo/run.XXXXXX)
dir=$(cd "$dir" && pwd)
export SPILLWAY_BROKER="ipc://$dir/broker.sock"
export PATH="$b:$PATH"
pids=()

tty=false bold='' dim='' off=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	tty=true bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'
fi

finish() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || :; done
	wait 2>/dev/null || :
}
trap finish EXIT

say() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$off"; }

broker_start() {
	: >>"$dir/broker.log"
	local from
	from=$(wc -l <"$dir/broker.log")
	spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>>"$dir/broker.log" &
	broker=$!
	pids+=("$broker")
	until tail -n "+$((from + 1))" "$dir/broker.log" | grep -q 'ev=ready'; do
		kill -0 "$broker" 2>/dev/null || { cat "$dir/broker.log"; exit 1; }
		read -rt 0.02 <> <(:) || :
	done
}

# worker_start NAME DB QUEUE=JOB...
worker_start() {
	local name=$1 db=$2 q=()
	shift 2
	for j in "$@"; do q+=(--queue "$j"); done
	SPILLWAY_LOGS_DB=$db spillway-worker --name "$name" --slots 2 "${q[@]}" \
		2>>"$dir/$name.log" &
	worker=$!
	pids+=("$worker")
}

# The value of a counter of a queue.
counter() {
	spillway queues --json 2>/dev/null | python3 -c '
import json, sys
q = [json.loads(line) for line in sys.stdin]
q = [x for x in q if x["queue"] == sys.argv[1]]
s = q[0]["stats"] if q else {}
print(sum(int(s.get(k, 0)) for k in sys.argv[2:]))' "$@" || echo 0
}

# As kill -9, without the shell's word about it.
kill9() {
	kill -9 "$1"
	wait "$1" 2>/dev/null || :
}

progress() {
	$tty && printf '\r%s  %6d of %d jobs done, %d waiting or running %s\e[K' "$dim" "$1" "$2" "$3" "$off"
	return 0
}

# drain QUEUE TOTAL: waits until nothing is waiting or running.
drain() {
	local left
	while :; do
		left=$(counter "$1" ready delayed leased)
		progress "$(counter "$1" done_total)" "$2" "$left"
		[ "$left" = 0 ] && break
		read -rt 0.3 <> <(:) || :
	done
	if $tty; then printf '\n'; else note "  $(counter "$1" done_total) of $2 jobs done"; fi
}

# until_done QUEUE N: waits until so many are done.
until_done() {
	while [ "$(counter "$1" done_total)" -lt "$2" ]; do
		progress "$(counter "$1" done_total)" "$3" "$(counter "$1" ready delayed leased)"
		read -rt 0.1 <> <(:) || :
	done
	$tty && printf '\n'
	return 0
}

real_log() {
	local got=build/logstalgia/usr/share/games/logstalgia/example.log
	[ -s "$got" ] && { echo "$got"; return; }
	mkdir -p build/logstalgia
	(cd build/logstalgia && { apt-get download -qq logstalgia logstalgia-data ||
		apt-get download -qq logstalgia; } >/dev/null 2>&1
	for d in *.deb; do [ -e "$d" ] && dpkg-deb -x "$d" .; done)
	got=$(find build/logstalgia -name 'example.log*' | head -n 1)
	case $got in
	*.gz) zcat "$got" >build/logstalgia/example.log && got=build/logstalgia/example.log ;;
	esac
	[ -n "$got" ] && echo "$got"
}

say "A broker and a worker, in $dir"
broker_start
note "  spillway-broker --data $dir/data --listen $SPILLWAY_BROKER"

if log=$(real_log); then
	say "1. A real Apache access log: $(wc -l <"$log") lines"
	worker_start real "$dir/real.db" logs=logs
	spillway put logs --lines "$log"
	drain logs "$(counter logs put_total)"
	kill -TERM "$worker" && wait "$worker" || :
	spillway-report "$dir/real.db"
else
	note "1. skipped: the real access log (Debian's logstalgia) cannot be had here"
fi

say "2. 500,000 generated lines whose right answer is known, and three kills with -9"
loggen --lines 500000 --seed 7 --bad-every 10000 --answer "$dir/answer.json" >"$dir/generated.log"
worker_start one "$dir/generated.db" generated=logs
one=$worker
worker_start two "$dir/generated.db" generated=logs
spillway queue set generated paused=yes
spillway put generated --lines "$dir/generated.log"
jobs=$(counter generated put_total)
spillway resume generated
until_done generated $((jobs / 5)) "$jobs"
note "  kill -9 worker one"
kill9 "$one"
until_done generated $((jobs * 2 / 5)) "$jobs"
note "  kill -9 the broker, and start it again"
kill9 "$broker"
broker_start
until_done generated $((jobs * 3 / 5)) "$jobs"
note "  kill -9 worker two, and start worker three"
kill9 "$worker"
worker_start three "$dir/generated.db" generated=logs
drain generated "$jobs"
spillway-report "$dir/generated.db"
say "The totals against the generator's answer"
spillway-report --json "$dir/generated.db" >"$dir/report.json"
python3 "$here/demo_check.py" "$dir/answer.json" "$dir/report.json"

say "3. Poison: a log that is none, and a job that kills its process"
worker_start four "$dir/generated.db" generated=logs "crash=exec:$here/crash.sh"
spillway queue set crash backoff_ms=100
printf 'this\nis not\na log\n' | spillway put generated - >"$dir/junk.id"
spillway put crash 'nothing' >"$dir/crash.id"
drain crash 1
drain generated "$((jobs + 1))"
spillway dead list
say "The history of the one that crashed"
spillway dead show "$(cat "$dir/crash.id")"

say "What is there now"
spillway queues
note "
All of it lies in $dir; look round with
  export SPILLWAY_BROKER=$SPILLWAY_BROKER    (start the broker again first)
Send a dead job round again with
  spillway dead retry $(cat "$dir/crash.id")"
