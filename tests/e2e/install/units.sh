#!/bin/sh
# SPDX-License-Identifier: MIT
# systemd accepts our units, and each daemon its example.
set -eu
b=${SPILLWAY_BIN:?"must be the build folder"}

"$b/spillway-broker" --config examples/broker.conf --check-config
"$b/spillway-worker" --jobs examples/jobs.conf --check-config
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The folder of the access log is there once systemd has started the unit.
sed "s|^module = .*|module = /bin/sh|; s|/var/log/spillway/|$dir/|" examples/front.conf |
	"$b/spillway-front" --config /dev/stdin --check-config
for u in systemd/*.service systemd/*.socket; do
	sed "s|@BINDIR@|$b|g" "$u" >"$dir/$(basename "$u")"
	if grep -n '@[A-Z]*@' "$dir/$(basename "$u")"; then
		echo "$u: a placeholder that nobody replaces"
		exit 1
	fi
done
if grep -L '^ExecReload=/bin/kill -HUP $MAINPID$' systemd/*.service | grep .; then
	echo "a daemon that 'systemctl reload' cannot reach"
	exit 1
fi
export SYSTEMD_UNIT_PATH="$dir:"

# It also reads units that ours name; only lines about ours are ours.
systemd-analyze verify --man=no "$dir/spillway-broker.service" \
	"$dir/spillway-worker@1.service" "$dir/spillway-front.service" \
	"$dir/spillway-front.socket" >"$dir/said" 2>&1 || :
if grep spillway "$dir/said"; then
	echo "systemd-analyze verify: see above"
	exit 1
fi
for u in "broker 20" "front 30"; do
	systemd-analyze security --offline=true --threshold="${u#* }" --no-pager \
		"$dir/spillway-${u% *}.service" >"$dir/said" || {
		cat "$dir/said"
		exit 1
	}
	tail -n 1 "$dir/said"
done

systemd-sysusers --dry-run "$PWD/systemd/spillway.sysusers"
echo "units verified"
