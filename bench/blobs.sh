#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# blobs.sh [BUILD [FOLDER]]: 100 MB into a folder store and out of it, beside
# cp and fsync: medians of ROUNDS (7), in FOLDER (BUILD).  Wants an idle machine: half
# of a put is SHA-256, which a busy one slows down and a disk does not.
set -euo pipefail
b=$(cd "${1:-build/release}" && pwd)
dir=$(mktemp -d "${2:-$b}/blobs.XXXXXX")
trap 'rm -rf "$dir"' EXIT
export PATH=$b:$PATH SPILLWAY_BLOBS=dir:$dir/store

# A disk that is still busy with the last write would be measured, not us.
took() {
	sync
	sleep 2
	local from
	from=$(date +%s%N)
	"$@" >/dev/null
	echo $((($(date +%s%N) - from) / 1000000))
}
copy() { cp "$dir/in" "$dir/copy" && sync "$dir/copy"; }
median() { sort -n "$dir/$1" | sed -n "$((($(wc -l <"$dir/$1") + 1) / 2))p"; }

: "${ROUNDS:=7}"
head -c 104857600 /dev/urandom >"$dir/in"
ref=$(spillway blob put "$dir/in")
for ((i = 0; i < ROUNDS; i++)); do
	# What each has written goes before the next: they find the same disk.
	rm -rf "$dir"/store/??
	took spillway blob put "$dir/in" >>"$dir/put"
	took copy >>"$dir/cp"
	rm "$dir/copy"
	took spillway blob get "$ref" -o "$dir/out" >>"$dir/get"
	cmp "$dir/in" "$dir/out" && rm "$dir/out"
	took copy >>"$dir/cp"
	rm "$dir/copy"
done
cp=$(median cp)
for what in put get; do
	ms=$(median $what)
	echo "$what 100 MB: $ms ms, cp and fsync: $cp ms: $((100 * cp / ms)) % of its speed"
done
