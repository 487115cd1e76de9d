#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A socket and a store have one broker.  A second one ends and says who the first
# is; a broker whose socket or files were removed or replaced ends; and what was
# confirmed meanwhile is in the store that the next start opens.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# ends STATUS PATTERN DATA ENDPOINT: a broker does not start, and says why in a line.
ends() {
	refused "$1" "$2" bounded spillway-broker --data "$3" --listen "$4"
}
serves() { [ -n "$(spillway put still "here")" ] || fail "the first broker no longer serves"; }

broker_start
serves
ends 75 "ev=listen .*b.sock: process $broker listens there" "$dir/second" "$SPILLWAY_BROKER"
[ ! -e "$dir/second" ] || fail "the second broker has made a store"
ends 75 "process $broker has the store open" "$dir/data" "ipc://$dir/other.sock"
serves

# The socket of a program that takes no lock.
python3 -c '
import signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
open(sys.argv[2], "w")
signal.pause()' "$dir/foreign.sock" "$dir/listens" &
foreign=$!
pids+=("$foreign")
until_true test -e "$dir/listens"
ends 75 "foreign.sock: process $foreign listens there" "$dir/second" "ipc://$dir/foreign.sock"
[ -S "$dir/foreign.sock" ] || fail "the foreign socket is gone"
{ kill -9 "$foreign" && wait "$foreign" || :; } 2>/dev/null

# Files that are no sockets stay as they are; so does a link.
echo "text" >"$dir/file"
ln -s b.sock "$dir/link"
mkdir "$dir/folder"
for name in file link folder; do
	ends 69 "$name: the file is no socket and is not replaced" "$dir/second" "ipc://$dir/$name"
done
[ "$(cat "$dir/file")" = "text" ] || fail "the file was replaced"
[ -L "$dir/link" ] && [ ! -e "$dir/file.lock" ] || fail "a file was made or replaced"
serves

# A TCP port.
spillway-broker --data "$dir/tcp" --listen "tcp://127.0.0.1:*" 2>"$dir/tcp.log" &
tcp=$!
pids+=("$tcp")
until_true grep -q ev=ready "$dir/tcp.log"
port=$(grep -o 'at=tcp://127.0.0.1:[0-9]*' "$dir/tcp.log" | grep -o '[0-9]*$')
ends 69 "ev=listen at=tcp://127.0.0.1:$port .*Address already in use" "$dir/second" "tcp://127.0.0.1:$port"
kill "$tcp" && wait "$tcp"

# A socket that is no file.
spillway-broker --data "$dir/named" --listen "ipc://@spillway-test-$$" 2>"$dir/named.log" &
named=$!
pids+=("$named")
until_true grep -q ev=ready "$dir/named.log"
ends 75 "ipc://@spillway-test-$$: process $named listens there" "$dir/second" "ipc://@spillway-test-$$"
kill "$named" && wait "$named"

# A socket that was left behind is taken over.
{ kill -9 "$broker" && wait "$broker" || :; } 2>/dev/null
[ -S "$dir/b.sock" ] || fail "the socket is gone"
broker_start
serves

# ended STATUS PATTERN: the broker ends by itself and says why.
ended() {
	local status=0
	wait "$broker" || status=$?
	[ "$status" = "$1" ] || fail "status $status, not $1: $(cat "$dir/broker.log")"
	grep -qE "$2" "$dir/broker.log" || fail "no $2: $(cat "$dir/broker.log")"
}

# The socket, or its lock, is removed; the socket is another broker's: that one
# stays as it is when the first one ends.
rm "$dir/b.sock"
ended 79 "ev=deaf .*b.sock: the file was removed or replaced"
broker_start
rm "$dir/b.sock.lock"
ended 79 "ev=deaf .*b.sock.lock: the file was removed or replaced"
broker_start
first=$broker first_log=$dir/first.log
cp "$dir/broker.log" "$first_log"
kill -STOP "$first"
rm "$dir/b.sock" "$dir/b.sock.lock"
mv "$dir/data" "$dir/data.first"
broker_start
serves
kill -CONT "$first"
status=0
wait "$first" || status=$?
[ "$status" = 79 ] || fail "the first broker: status $status"
serves
kill "$broker" && wait "$broker"
rm -r "$dir/data"
mv "$dir/data.first" "$dir/data"

# all_found WHAT: what was confirmed is ready.
all_found() {
	xargs -n 50 spillway --broker-timeout "${DEADLINE_S}s" get --json <"$dir/confirmed" >"$dir/found"
	[ "$(grep -c '"state":"ready"' "$dir/found")" = "$(wc -l <"$dir/confirmed")" ] ||
		fail "$1: $(wc -l <"$dir/confirmed") confirmed, $(wc -l <"$dir/found") found"
}

# puts: until the broker is gone; prints the ids that were confirmed.
puts() {
	while kill -0 "$broker" 2>/dev/null; do
		command spillway --broker-timeout 1s put q "a job" 2>/dev/null || :
	done
}
confirmed_at_least() { [ "$(wc -l <"$dir/confirmed")" -ge "$1" ]; }
broker_start_with_puts() {
	broker_start
	: >"$dir/confirmed"
	puts >"$dir/confirmed" &
	producer=$!
	pids+=("$producer")
	until_true confirmed_at_least 20
}

# replaced FILE: the broker says so and ends, and with it the producer.
replaced() {
	ended 80 "ev=replaced .*$1: the file was removed or replaced"
	wait "$producer" || :
}

# Each file of the store is removed, renamed, or replaced by its copy while jobs
# are put.  The broker ends; every confirmed job is in the store again, once the
# file is back or, for the journal, without it.
remove() { mv "$1" "$dir/aside"; }
replace() { cp "$1" "$dir/copy" && mv "$1" "$dir/aside" && mv "$dir/copy" "$1"; }
for file in broker.lock lock.mdb journal data.mdb; do
	for how in remove replace; do
		broker_start_with_puts
		$how "$dir/data/$file"
		replaced "$file"
		mv "$dir/aside" "$dir/data/$file"
		broker_start
		all_found "$how $file"
		kill "$broker" && wait "$broker"
	done
done

# The journal is unlinked: what was confirmed is in data.mdb.
broker_start_with_puts
rm "$dir/data/journal"
replaced journal
refused 70 "the journal is missing" spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER"
refused 65 "the journal is missing" spillway-repair --data "$dir/data"
spillway-repair --data "$dir/data" --without-journal >"$dir/said" && fail "in order without a journal"
grep -q "the journal is missing; .*, when the broker stopped in order" "$dir/said" || fail "$(cat "$dir/said")"
spillway-repair --data "$dir/data" --without-journal --rebuild >"$dir/said" || fail "$(cat "$dir/said")"
broker_start
all_found journal

# A bit of a number that the journal needs: the value follows the name.
kill "$broker" && wait "$broker"
cp -r "$dir/data" "$dir/kept"
python3 - "$dir/data/data.mdb" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as f:
	data = bytearray(f.read(1 << 20))
	at = data.find(b"salt")
	while at >= 0:
		data[at + 4] ^= 1
		at = data.find(b"salt", at + 1)
	f.seek(0)
	f.write(data)
EOF
refused 70 "the numbers in data.mdb that the journal needs are corrupt" spillway-broker \
	--data "$dir/data" --listen "$SPILLWAY_BROKER"
spillway-repair --data "$dir/data" --without-journal --rebuild >"$dir/said" || fail "$(cat "$dir/said")"
grep -q "the numbers in data.mdb .* may be lost" "$dir/said" || fail "$(cat "$dir/said")"
broker_start
all_found numbers
kill "$broker" && wait "$broker"
rm -r "$dir/data"
cp -r "$dir/kept" "$dir/data"

# data.mdb is unlinked: nothing more is confirmed, and no new store is made.
broker_start_with_puts
rm "$dir/data/data.mdb"
replaced data.mdb
refused 70 "data.mdb is missing, but the journal is not" \
	spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER"
[ ! -e "$dir/data/data.mdb" ] || fail "a new store was made"
rm -r "$dir/data"
mv "$dir/kept" "$dir/data"
broker_start

# Lock files are deleted under a broker: the second neither hangs nor serves.
# It is stopped meanwhile, for it would end as soon as it sees that.
kill -STOP "$broker"
rm "$dir/data/broker.lock" "$dir/data/lock.mdb"
ends 75 "process $broker has the store open" "$dir/data" "ipc://$dir/other.sock"
kill -CONT "$broker"
ended 80 "ev=replaced"
echo "one broker a socket and a store; what is no longer the broker's own ends it"
