# SPDX-License-Identifier: MIT
# Sourced by the end-to-end tests: a folder, a broker in it, and an end.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder, as tests/run.sh sets it"}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/spillway-e2e.XXXXXX")
export SPILLWAY_BROKER="ipc://$dir/b.sock" PATH="$b:$PATH" NO_COLOR=1
pids=()
# What has to come is waited for so long: only what hangs reaches it.  All other
# parts of the tests take it from here (tests/lib/deadline.h).
export DEADLINE_S=${DEADLINE_S:-120}

finish() {
	local status=$?
	for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || :; done
	wait 2>/dev/null || :
	[ $status = 0 ] || tail -n 20 "$dir"/*.log >&2 || :
	rm -rf "$dir"
	exit $status
}
trap finish EXIT

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# A program that is not in this build would be one of another.
[ "${b#/}" != "$b" ] || fail "SPILLWAY_BIN must be absolute, not $b"
for p in spillway{,-broker,-repair,-worker,-spawner,-report,-front,-isolate} loggen; do
	[ -x "$b/$p" ] || fail "there is no program $b/$p"
done

# until_true COMMAND...: a state is waited for, never slept for.
until_true() {
	local end=$((SECONDS + DEADLINE_S))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "never true: $*"
		read -rt 0.05 <> <(:) || :
	done
}

# bounded COMMAND...: one that ends by itself, unless it hangs.
bounded() { timeout "$DEADLINE_S" "$@"; }

# spillway ARGUMENT...: with the tests' deadline, where no other is given.
spillway() {
	case " $* " in
	*" --broker-timeout"* | *" --patience"*) command spillway "$@" ;;
	*) command spillway --broker-timeout "${DEADLINE_S}s" "$@" ;;
	esac
}

broker_start() {
	: >"$dir/broker.log"
	spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" "$@" 2>>"$dir/broker.log" &
	broker=$!
	pids+=("$broker")
	until_true grep -q ev=ready "$dir/broker.log"
}

worker_start() {
	local name=$1
	shift
	spillway-worker --name "$name" "$@" 2>>"$dir/$name.log" &
	worker=$!
	pids+=("$worker")
}

# count QUEUE COUNTER...: their sum.
count() {
	spillway queues --json | python3 -c '
import json, sys
s = [q["stats"] for q in map(json.loads, sys.stdin) if q["queue"] == sys.argv[1]]
print(sum(int(s[0].get(k, 0)) for k in sys.argv[2:]) if s else 0)' "$@"
}

# modules FILE.c...: handlers of the front, to $dir/FILE.so.
modules() {
	local c
	for c; do
		cc -shared -fPIC -I"$root/producer" -o "$dir/$(basename "$c" .c).so" "$c"
	done
}

count_is() {
	local want=$1
	shift
	[ "$(count "$@")" = "$want" ]
}

# refused STATUS PATTERN COMMAND...: one line on stderr says so, and the status.
refused() {
	local want=$1 pattern=$2 got=0 said
	shift 2
	said=$("$@" 2>&1 >/dev/null) || got=$?
	said=$(grep -v '^<6>ev=spawner ' <<<"$said") || : # of a worker that had begun its start
	[ "$got" = "$want" ] || fail "$*: status $got, not $want: $said"
	grep -qE -- "$pattern" <<<"$said" || fail "$*: '$said' has no '$pattern'"
	[ "$(wc -l <<<"$said")" = 1 ] || fail "$*: more than one line: $said"
}
