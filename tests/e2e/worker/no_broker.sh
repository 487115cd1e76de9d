#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A worker without a broker is ready, says why it has none, and serves when one
# comes; it says so again when the broker goes.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

# What the worker tells systemd, a line each.
python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound")
while True:
    print(s.recv(4096).decode().replace("\n", " "))' "$dir/notify" >"$dir/told" &
pids+=($!)
until_true grep -q bound "$dir/told"

NOTIFY_SOCKET=$dir/notify worker_start w --queue q=noop
until_true grep -q "READY=1 STATUS=Waiting for the broker at ipc://$dir/b.sock" "$dir/told"
until_true grep -q "ev=no-broker at=ipc://$dir/b.sock text=.there is no socket" "$dir/w.log"
broker_start
until_true grep -q "STATUS=Serving the broker" "$dir/told"
job=$(spillway put q "served")
spillway wait "$job" --timeout "${DEADLINE_S}s" >/dev/null
{ kill -9 "$broker" && wait "$broker" || :; } 2>/dev/null
until_true grep -q "ev=no-broker at=ipc://$dir/b.sock text=.nobody listens" "$dir/w.log"
[ "$(grep -c "Waiting for the broker" "$dir/told")" = 2 ] || fail "$(cat "$dir/told")"
[ "$(grep -c READY=1 "$dir/told")" = 1 ] || fail "ready twice"
kill "$worker" && wait "$worker"

if [ "$(id -u)" != 0 ]; then
	echo "skipped: user: only root can run programs as another user"
	exit 0
fi
chmod 755 "$dir"
mkdir "$dir/bin" "$dir/tmp"
chmod 1777 "$dir/tmp"
cp "$b/spillway-worker" "$b/spillway-spawner" "$b/spillway-job-noop" "$dir/bin"
broker_start
setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$dir/bin:/usr/bin:/bin" TMPDIR="$dir/tmp" HOME="$dir/tmp" \
	spillway-worker --broker "$SPILLWAY_BROKER" --queue q=noop 2>"$dir/stranger.log" &
pids+=($!)
until_true grep -q "ev=no-broker .*text=.permission denied" "$dir/stranger.log"
echo "a worker without a broker is ready and says why it has none"
