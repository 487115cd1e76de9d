#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The broker carries no part of the repair, and the repair no part of the broker's sockets.
. "$(dirname "$0")/../lib/e2e_lib.sh"

# functions KIND FILE...: the names of the functions that are defined there; KIND
# T: those that other files may call, Tt: all, for a link makes them local.
functions() {
	nm --defined-only "${@:2}" | awk -v kind="[$1]" 'NF == 3 && $2 ~ kind && $3 != "main" { print $3 }' | sort -u
}

# objects FOLDER: those of its sources, for a build may have older ones.
objects() { (cd "$root" && printf "$b/%s\n" "$1"/*.c) | sed 's/\.c$/.o/'; }

mapfile -t repair < <(objects broker/repair)
mapfile -t sockets < <(objects broker; objects link)
functions T "${repair[@]}" >"$dir/repair"
functions T "${sockets[@]}" >"$dir/sockets"
functions Tt "$b/spillway-broker" >"$dir/in_broker"
functions Tt "$b/spillway-repair" >"$dir/in_repair"
for name in verify_run lmdb_rebuild; do
	grep -qx $name "$dir/repair" || fail "no $name in broker/repair: nothing was looked at"
	grep -qx $name "$dir/in_repair" || fail "no $name in spillway-repair: nothing was looked at"
done
for name in core_take broker_run; do
	grep -qx $name "$dir/in_broker" || fail "no $name in spillway-broker: nothing was looked at"
done
both=$(comm -12 "$dir/repair" "$dir/in_broker")
[ -z "$both" ] || fail "spillway-broker has parts of the repair: $both"
both=$(comm -12 "$dir/sockets" "$dir/in_repair")
[ -z "$both" ] || fail "spillway-repair has parts of the broker: $both"
echo "spillway-broker has none of the $(wc -l <"$dir/repair") functions of the repair"
