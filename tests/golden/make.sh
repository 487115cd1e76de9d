#!/bin/sh
# SPDX-License-Identifier: MIT
# make.sh BUILD NAME: fills a store with the programs in the folder BUILD, of
# any version, and keeps it as NAME.tar.gz beside this script.  test_golden.c
# says what has become of each job.
set -eu
b=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
broker='' worker=''
quit() {
	for pid in $broker; do kill -9 "$pid" 2>/dev/null || :; done
	for pid in $worker; do kill -9 "-$pid" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap quit EXIT
export SPILLWAY_BROKER="ipc://$dir/sock" NO_COLOR=1

until_state() { # JOB STATE
	until "$b/spillway" get "$(id "$1")" --json | grep -q "\"state\": *\"$2\""; do sleep 0.1; done
}
id() { printf '01900000-0000-7000-8000-%012d' "$1"; }
put() { # JOB QUEUE BODY [OPTIONS]
	n=$1 queue=$2 body=$3
	shift 3
	"$b/spillway" put "$queue" "$body" --id "$(id "$n")" "$@" >"$dir/out"
}

"$b/spillway-broker" --data "$dir/golden" --listen "$SPILLWAY_BROKER" --map-size 64m 2>"$dir/log" &
broker=$!
until "$b/spillway" stats >/dev/null 2>&1; do :; done
for queue in work later slow wait; do
	"$b/spillway" queue set $queue retain_done_ms=25920000000 >/dev/null
done
"$b/spillway" queue set work max_attempts=2 backoff_ms=1 >/dev/null
"$b/spillway" queue set later backoff_ms=25920000000 backoff_cap_ms=25920000000 >/dev/null
"$b/spillway" queue set wait paused=1 rate=7 max_crashes=9 >/dev/null

put 1 work ok
put 2 work twice --unique kept --unique-also dead
put 3 work never --header who=ann
put 4 later twice
put 5 slow hang
put 6 slow hang
put 7 wait seven --priority 9 --fair ann
put 8 wait eight --fair bob
put 9 wait nine --expires 2099-01-01T00:00:00Z --unique key
put 10 wait ten --at 2098-01-01T00:00:00Z --expires 2099-01-01T00:00:00Z
put 11 wait eleven --delay 300d
put 12 wait twelve
put 13 wait thirteen --max-attempts 3 --timeout 5s --content-type text/plain
"$b/spillway" cancel "$(id 12)" >/dev/null

cat >"$dir/job" <<'END'
#!/bin/sh
case $(cat) in
ok) echo 'result golden' >&3 ;;
twice) echo 'it rained' >&2; exit 1 ;;
never) echo 'no such town' >&2; exit 65 ;;
*) exec sleep 600 ;;
esac
END
chmod +x "$dir/job"
start_worker() { # QUEUE ...
	set -- $(printf -- "--queue %s=exec:$dir/job " "$@")
	setsid "$b/spillway-worker" "$@" --slots 1 --name golden-worker 2>>"$dir/worker.log" &
	worker="$worker $!"
}
start_worker work later
until_state 1 done
until_state 2 dead
until_state 3 dead
until_state 4 delayed
start_worker slow
until_state 5 leased

# As after a crash: part of it is in the journal alone.
kill -9 "$broker"
for pid in $worker; do kill -9 "-$pid" 2>/dev/null || kill -9 "$pid"; done
worker=''
wait 2>/dev/null || :
rm -f "$dir/golden/lock.mdb" "$dir/golden/broker.lock"
tar -C "$dir" --sparse --owner=0 --group=0 -czf "$here/$2.tar.gz" golden
ls -l "$here/$2.tar.gz"
