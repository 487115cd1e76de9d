#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# socket_group and socket_mode say who may put jobs; who may not reads
# "permission denied"; the path of a socket has a limit, which is named.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

long=ipc:///tmp/$(printf '%0200d' 1)
refused 2 "at most 107 bytes" command spillway --broker "$long" put q x
for value in 0700 0060 0606x 0680 -1 0640 0644 0662; do
	refused 64 "socket-mode is '$value': must be an octal number of 0600 to 0666, such as 0660: 6 for those who may connect" \
		spillway-broker --data "$dir/x" --socket-mode "$value"
done
refused 64 "socket-group is 'no such group': must be a group of this machine" \
	spillway-broker --data "$dir/x" --socket-group "no such group"
refused 64 "socket_mode lets no member of socket_group connect" \
	spillway-broker --data "$dir/x" --socket-group "$(id -g)" --socket-mode 0600
printf '[broker]\nsocket_mode = 0600\nsocket_group = %s\n' "$(id -g)" >"$dir/group.conf"
refused 78 "group.conf:3: socket_mode lets no member of socket_group connect" \
	spillway-broker --config "$dir/group.conf" --data "$dir/x" --check-config
for open in tcp://127.0.0.1:0 "ipc://@$dir/b.sock"; do
	refused 64 "any user may connect to this endpoint" \
		spillway-broker --data "$dir/x" --socket-group "$(id -g)" --listen "$open" --check-config
done

is_mode() { [ "$(stat -c %a:%g "$1")" = "$2" ] || fail "$1 is $(stat -c %a:%g "$1"), not $2"; }
group=$(id -g)
export SPILLWAY_BROKER=ipc://$dir/run/b.sock
(umask 0 && exec spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/umask.log") &
broker=$!
pids+=("$broker")
until_true grep -q ev=ready "$dir/umask.log"
grep -q "^Umask:.*0077" "/proc/$broker/status" || fail "the umask is open"
is_mode "$dir/run/b.sock" "600:$group"
is_mode "$dir/run/b.sock.lock" "600:$group"
is_mode "$dir/run" "700:$group"
is_mode "$dir/data/data.mdb" "600:$group"
kill "$broker" && wait "$broker"
broker_start --socket-mode 0660
is_mode "$dir/run/b.sock" "660:$group"
grep -q "ev=closed-off .*$dir/run: users of the socket may not enter" "$dir/broker.log" || fail "$(cat "$dir/broker.log")"
kill "$broker" && wait "$broker"
rm -r "$dir/run"
broker_start --socket-mode 0666
is_mode "$dir/run/b.sock" "666:$group"
is_mode "$dir/run" "755:$group"
! grep -q ev=closed-off "$dir/broker.log" || fail "the folder is not closed off"
kill "$broker" && wait "$broker"
rm -r "$dir/run"

if [ "$(id -u)" != 0 ]; then
	echo "skipped: user: only root can run programs as another user"
	exit 0
fi

# A user of group 65533, and one of none of the groups; neither may be able to
# enter the folder of the build.
chmod 755 "$dir"
mkdir "$dir/bin"
cp "$b/spillway" "$b/spillway-worker" "$b/spillway-spawner" "$b/spillway-job-noop" "$dir/bin"
as() {
	setpriv --reuid=65534 --regid="$1" --clear-groups env PATH="$dir/bin:/usr/bin:/bin" \
		HOME=/ XDG_RUNTIME_DIR="$dir" "${@:2}"
}
member=65533 stranger=65532
broker_start --socket-group $member
is_mode "$dir/run/b.sock" "660:$member"
is_mode "$dir/run" "750:$member"
[ -n "$(as $member spillway put q "by the group")" ] || fail "the group may not put"
refused 3 "permission denied: ipc://$dir/run/b.sock" \
	as $stranger spillway --broker-timeout 1s put q "by a stranger"
chmod 755 "$dir/run"
refused 3 "permission denied: ipc://$dir/run/b.sock" \
	as $stranger spillway --broker-timeout 1s put q "by a stranger"
refused 3 "no broker at ipc://$dir/run/none.sock: there is no socket" \
	as $stranger spillway --broker ipc://$dir/run/none.sock --broker-timeout 1s put q "nobody"
kill "$broker" && wait "$broker"

# A broker whose user is not in the group cannot give the socket to it.
cp "$b/spillway-broker" "$dir/bin"
mkdir -m 777 "$dir/theirs"
refused 69 "b.sock: may not be given to the group $member: Operation not permitted" \
	as $stranger spillway-broker --data "$dir/theirs/data" \
	--listen "ipc://$dir/theirs/b.sock" --socket-group $member
echo "the socket has its group and mode, and who is refused is told so"
