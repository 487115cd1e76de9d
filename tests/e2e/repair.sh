#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A flipped bit hides a job; spillway-repair finds that and brings the job back,
# changes nothing that is sound, and leaves another user's broker able to start.
. "$(dirname "$0")/../lib/e2e_lib.sh"

stop() { kill "$broker" && wait "$broker"; }
repair() { spillway-repair --data "$dir/data" "$@" 2>&1; }
files() { sha256sum "$dir/data/data.mdb" "$dir/data/journal"; }

refused 64 "--data FOLDER: missing option" spillway-repair
refused 64 "x: unexpected argument" spillway-repair --data "$dir/none" x
refused 64 "must be a size" spillway-repair --data "$dir/none" --map-size 12q
refused 66 "data.mdb: No such file" spillway-repair --data "$dir/none"
mkdir "$dir/empty" && : >"$dir/empty/data.mdb"
refused 66 "data.mdb: the file is empty" spillway-repair --data "$dir/empty" --rebuild
echo "no store, and longer than a page of LMDB's" >"$dir/empty/data.mdb"
refused 65 "empty" spillway-repair --data "$dir/empty"
for option in --verify --mend; do
	refused 64 "spillway-repair --data DIR" spillway-broker --data "$dir/data" $option
done
spillway-repair --help | grep -q -- --rebuild || fail "no help"

broker_start
id=$(spillway put q "kept")
refused 75 "process $broker has the store open" spillway-repair --data "$dir/data"
refused 75 "process $broker has the store open" spillway-repair --data "$dir/data" --rebuild
kill -9 "$broker" && wait "$broker" || :
before=$(files)
[ "$(repair)" = "1 jobs, 4 rows: all in order" ] || fail "$(repair)"
[ "$(files)" = "$before" ] || fail "a check has changed a file"
broker_start
stop
mv "$dir/data/journal" "$dir/journal"
refused 65 "the journal is missing" spillway-repair --data "$dir/data"
mv "$dir/journal" "$dir/data/journal"

# The index row of the job: r, queue 0, lane of priority 4, rank, id.  Its rank
# changes.
python3 - "$dir/data/data.mdb" "$id" <<'E2'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
own = bytes.fromhex(sys.argv[2].replace("-", ""))
at = n = 0
while (at := data.find(own, at + 1)) > 0:
    if data[at - 21:at - 8] == b"r" + bytes(4) + b"\x50" + bytes(7):
        data[at - 1] ^= 1
        n += 1
assert n > 0
open(sys.argv[1], "wb").write(data)
E2
before=$(files)
status=0
found=$(repair) || status=$?
[ $status = 65 ] || fail "status $status: $found"
grep -q "job $id is ready in queue q: its index row is missing" <<<"$found" || fail "$found"
grep -q "1 jobs, 4 rows, 1 missing rows, 1 orphan rows" <<<"$found" || fail "$found"
[ "$(files)" = "$before" ] || fail "a check has changed a file"

found=$(repair --rebuild) || fail "$found"
grep -q "^repaired: 1 jobs, 4 rows: all in order" <<<"$found" || fail "$found"
broker_start
worker_start w --queue q=noop
spillway wait "$id" --timeout "${DEADLINE_S}s" >/dev/null || fail "the job does not run"
stop
repair >/dev/null || fail "$(repair)"

# The longest unique key, and one that it begins with.
long=$(printf '%0255d' 1)
broker_start
first=$(spillway put long "body" --unique "$long")
second=$(spillway put long "body" --unique "${long%1}")
stop
[[ $(repair) = *": all in order" ]] || fail "$(repair)"
[[ $(repair --rebuild) = *": all in order" ]] || fail "$(repair --rebuild)"
broker_start
for key in "$long" "${long%1}"; do
	! spillway put long "body" --unique "$key" >"$dir/taken" 2>&1 || fail "the key is free: $key"
	grep -q "unique" "$dir/taken" || fail "$(cat "$dir/taken")"
done
worker_start w2 --queue long=noop
for job in "$first" "$second"; do
	spillway wait "$job" --timeout "${DEADLINE_S}s" >/dev/null || fail "job $job does not run"
done
stop

# beside STATUS PATTERN: where no store can be opened a check and a repair say so
# in one line, and make no file.
beside() {
	local before
	before=$(ls -A "$dir/x")
	refused "$1" "$2" "${as[@]}" spillway-repair --data "$dir/x"
	refused "$1" "$2" "${as[@]}" spillway-repair --data "$dir/x" --rebuild
	[ "$(ls -A "$dir/x")" = "$before" ] || fail "files beside data.mdb: $(ls -A "$dir/x")"
}

as=()
mkdir -p "$dir/x/data.mdb"
beside 66 "x/data.mdb: is not a file"
rmdir "$dir/x/data.mdb"
head -c 100 /dev/zero >"$dir/x/data.mdb"
beside 65 "x/data.mdb: .*not an LMDB"
seq 1 9999 >"$dir/x/data.mdb"
beside 65 "x/data.mdb: .*not an LMDB"

# A sound store without its last pages.
head -c 12288 "$dir/data/data.mdb" >"$dir/x/data.mdb"
beside 65 "x/data.mdb: is cut short"

if [ "$(id -u)" != 0 ]; then
	echo "skipped: owner: only root can run programs as another user"
	exit 0
fi

# Another user may not be able to enter the folder of the build.
user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 755 "$dir"
mkdir "$dir/bin" "$dir/run"
cp "$b/spillway-broker" "$b/spillway-repair" "$dir/bin"
PATH="$dir/bin:$PATH"
chown 65534:65534 "$dir/run"

# A folder that a user may read, not write to, and one that is closed.
cp -r "$dir/data/." "$dir/x"
rm "$dir/x/lock.mdb" "$dir/x/broker.lock"
chmod 755 "$dir/x"
chmod 644 "$dir"/x/*
as=("${user[@]}")
beside 66 "Permission denied"
chmod 700 "$dir/x"
beside 66 "x/data.mdb: Permission denied"

# restored OPTION...: root checks or repairs a store without lock files, as after
# a backup was restored; the other user's broker then starts.
restored() {
	local f
	rm -rf "$dir/run/data"
	cp -r "$dir/data" "$dir/run/data"
	rm "$dir/run/data/lock.mdb" "$dir/run/data/broker.lock"
	chown -R 65534:65533 "$dir/run/data"
	spillway-repair --data "$dir/run/data" "$@" >/dev/null || fail "root: status $?"
	for f in "$dir"/run/data/*; do
		[ "$(stat -c %u:%g "$f")" = 65534:65533 ] || fail "$f belongs to $(stat -c %u:%g "$f")"
	done
	: >"$dir/user.log"
	"${user[@]}" spillway-broker --data "$dir/run/data" --listen "ipc://$dir/run/b.sock" 2>>"$dir/user.log" &
	broker=$!
	pids+=("$broker")
	until_true grep -qE "ev=ready|denied" "$dir/user.log"
	kill "$broker" && wait "$broker" || fail "the broker does not start: $(cat "$dir/user.log")"
}

restored
restored --rebuild
echo "a job that a flipped bit hid is found, repaired, and runs; a check changes nothing, a repair nothing sound"
