#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Peers that mean harm: the broker lives, stays small, goes idle again and
# serves those who mean none.  HOSTILE=zmtp1,storm: only these attacks;
# HOSTILE_N=10: ten times as much; SEED=.  One round for each minute of PROOF_S (60):
# ten times as many peers would need more descriptors than a machine gives.
. "$(dirname "$0")/../lib/e2e_lib.sh"
seconds=${PROOF_S:-60}
unset SPILLWAY_BROKER
# A control is loaded before AddressSanitizer; what that keeps aside is no memory held.
export ASAN_OPTIONS=verify_asan_link_order=0:quarantine_size_mb=8
python=/usr/bin/python3
[ -x $python ] || python=python3
hostile=$(dirname "$0")/hostile.py

attack() {
	"$python" "$hostile" "$b" "$(mktemp -d "$dir/XXXX")" "$@"
}

# notices PATTERN NAME=VALUE...: with a limit taken away the same tool fails.
notices() {
	local pattern=$1
	shift
	if env "${@:2}" HOSTILE="$1" "$python" "$hostile" "$b" "$(mktemp -d "$dir/XXXX")" tcp \
		>"$dir/control" 2>&1; then
		fail "$1 found nothing with a limit taken away"
	fi
	grep -q "$pattern" "$dir/control" || { cat "$dir/control" >&2; fail "$1 said no '$pattern'"; }
}

if [ -z "${HOSTILE:-}" ]; then
	notices "a frame of 100 MB was taken" heavy \
		HOSTILE_LINK_MEMORY=64g HOSTILE_PRELOAD="$b/tests/faults/preload_loose.so"
	notices "MB, more than" multipart HOSTILE_LINK_MEMORY=64g
fi
for ((left = (seconds + 59) / 60; left > 0; left--)); do
	attack tcp >"$dir/tcp" 2>"$dir/tcp.err" &
	other=$!
	status=0
	attack ipc || status=$?
	wait $other || status=$?
	cat "$dir/tcp.err" >&2
	cat "$dir/tcp"
	[ $status = 0 ] || exit $status
done
