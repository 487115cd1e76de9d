# SPDX-License-Identifier: MIT
# Sourced by the demos: a folder, a broker and workers in it, and output.
set -euo pipefail

b=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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

# run COMMAND...: shows the command, then runs it.
run() {
	note "  $*"
	"$@"
}

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

# worker_start NAME DB QUEUE=JOB...: DB is the file of the report, or empty.
worker_start() {
	local name=$1 db=$2 c=(env)
	shift 2
	[ -z "$db" ] || c+=("SPILLWAY_LOGS_DB=$db")
	[ -z "${SPILLWAY_JOBS:-}" ] || c+=("SPILLWAY_JOBS=$SPILLWAY_JOBS")
	c+=(spillway-worker --name "$name" --slots 2)
	for j in "$@"; do c+=(--queue "$j"); done
	note "  ${c[*]:1} &"
	"${c[@]}" 2>>"$dir/$name.log" &
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

# As kill -9, without the shell's message about it.
kill9() {
	kill -9 "$1"
	wait "$1" 2>/dev/null || :
}

progress() {
	$tty && printf '\r%s  %6d of %d jobs done, %d waiting or running %s\e[K' "$dim" "$1" "$2" "$3" "$off"
	return 0
}

# drain QUEUE TOTAL: waits until no job is waiting or running.
drain() {
	local left dead
	while :; do
		left=$(counter "$1" ready delayed leased)
		progress "$(counter "$1" done_total)" "$2" "$left"
		[ "$left" = 0 ] && break
		read -rt 0.3 <> <(:) || :
	done
	$tty && printf '\r\e[K'
	dead=$(counter "$1" dead)
	[ "$dead" = 0 ] && dead='' || dead=", $dead dead"
	note "  $(counter "$1" done_total) of $2 jobs done$dead"
}

# until_done QUEUE N TOTAL: waits until N of TOTAL jobs are done.
until_done() {
	while [ "$(counter "$1" done_total)" -lt "$2" ]; do
		progress "$(counter "$1" done_total)" "$3" "$(counter "$1" ready delayed leased)"
		read -rt 0.1 <> <(:) || :
	done
	$tty && printf '\n'
	return 0
}
