#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whatever is wrong: one line that says what and where, a status, nothing lost.
. "$(dirname "$0")/../lib/e2e_lib.sh"

refused 3 "no broker" spillway put q body --broker-timeout 100ms
refused 2 "bad|endpoint|invalid" spillway --broker nonsense queues
broker_start
id=$(spillway put q "kept")

refused 2 "id" spillway get not-a-uuid
refused 1 "no such job" spillway get 01a208c8-d2c1-7000-b254-07fa690b9a99
refused 2 "colour" spillway queue set q colour=red
refused 2 "max_attempts" spillway queue set q max_attempts=many
refused 2 "queue" spillway put "Not A Queue" x
head -c 140000 /dev/zero >"$dir/large"
refused 1 "large|131,?072|128" spillway put q --file "$dir/large"
refused 1 "no-such" spillway put q --file "$dir/no-such"

refused 75 "process $broker has the store open" spillway-broker --data "$dir/data" --listen "ipc://$dir/c.sock"
printf '[broker]\ncolour = red\n' >"$dir/bad.conf"
refused 78 "bad.conf:2: unknown key" spillway-broker --config "$dir/bad.conf"
printf '[queue q]\nmax_attempts = many\n' >"$dir/bad2.conf"
refused 78 "bad2.conf:2: max_attempts" spillway-broker --config "$dir/bad2.conf"
printf '[broker]\nthis is not a setting\n' >"$dir/bad3.conf"
refused 78 "bad3.conf:2" spillway-broker --config "$dir/bad3.conf"
refused 64 "^spillway-broker: --map-size is 'much': must be a size, 1m to 32t$" spillway-broker --map-size much
mkdir "$dir/conf.d"
refused 78 "conf.d: Is a directory" spillway-broker --config "$dir/conf.d"

refused 64 "^spillway-worker: --queue: the queue 'd' is there twice$" \
	spillway-worker --queue d=exec:true --queue e=exec:true --queue 'd*3=exec:false' --check-config
printf '[worker]\nqueue = d=exec:true\nqueue = d=exec:false\n' >"$dir/twice.conf"
refused 78 "twice.conf:3: queue: the queue 'd' is there twice$" spillway-worker --jobs "$dir/twice.conf" --check-config
mapfile -t many < <(seq -f '--queue=q%g=exec:true' 33)
refused 64 "^spillway-worker: --queue: a worker serves at most 32 queues$" spillway-worker "${many[@]}" --check-config
spillway-worker "${many[@]:1}" --check-config || fail "32 queues"

# An endpoint that cannot be one: before anything starts, and where it was read.
for check in '' --check-config; do
	for at in nonsense '' ipc:// tcp://127.0.0.1 tcp://127.0.0.1:x tcp://127.0.0.1:65536 tcp://0.0.0.0:5555 inproc://x; do
		refused 64 "^spillway-broker: --listen is '$at': must be ipc://.*loopback" \
			spillway-broker --data "$dir/other" --listen "$at" $check
	done
	for at in nonsense '' ipc:// tcp://host tcp://host:0 udp://host:1 "tcp://a b:1" inproc://x; do
		refused 64 "^spillway-worker: --broker is '$at': must be ipc://PATH" \
			spillway-worker --queue q=exec:true --broker "$at" $check
	done
	refused 64 '^spillway-worker: \$SPILLWAY_BROKER is .nonsense.: must be ipc://' \
		env SPILLWAY_BROKER=nonsense spillway-worker --queue q=exec:true $check
	printf '[worker]\nbroker = nonsense\n' >"$dir/bad4.conf"
	refused 78 "bad4.conf:2: broker is 'nonsense': must be ipc://" \
		spillway-worker --queue q=exec:true --jobs "$dir/bad4.conf" $check
	printf '[broker]\nlisten = tcp://0.0.0.0:1\n' >"$dir/bad5.conf"
	refused 78 "bad5.conf:2: listen is 'tcp://0.0.0.0:1': must be ipc://" \
		spillway-broker --config "$dir/bad5.conf" $check
done
[ ! -e "$dir/other" ] || fail "a store was made for a bad endpoint"

spillway get "$id" | grep -q ready || fail "the job is gone"
kill -9 "$broker"
wait "$broker" 2>/dev/null || :

# A file cut short, one that is none, and one of a newer format.
cp -r "$dir/data" "$dir/short"
truncate -s 16384 "$dir/short/data.mdb"
refused 70 "short" spillway-broker --data "$dir/short" --listen "ipc://$dir/c.sock"
mkdir "$dir/junk"
head -c 65536 /dev/urandom >"$dir/junk/data.mdb"
refused 70 "EFORMAT|newer" spillway-broker --data "$dir/junk" --listen "ipc://$dir/c.sock"

broker_start
spillway get "$id" | grep -q ready || fail "the job is gone after the restart"
echo "$(grep -c "^refused" "$0") mistakes, each refused in a line; the job is still there"
