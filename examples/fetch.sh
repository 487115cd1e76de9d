#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh MANIFEST FOLDER: all that a transcoding job has made, into a folder.
# MANIFEST is sha256:HEX64, with or without ;size=N; the store of blobs is that
# of SPILLWAY_BLOBS.
set -eu
[ $# = 2 ] || { echo "usage: fetch.sh MANIFEST FOLDER" >&2; exit 64; }
mkdir -p "$2"
list=$(mktemp)
trap 'rm -f "$list" "$list.names"' EXIT
spillway blob get "$1" -o "$list"
python3 -c '
import json, re, sys
for o in json.load(open(sys.argv[1]))["outputs"]:
    if not re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.]*", o["name"]):
        sys.exit("fetch.sh: a name that is no name: %r" % o["name"])
    print(o["blob"], o["name"])' "$list" >"$list.names" || exit 65
while read -r blob name; do
	spillway blob get "$blob" -o "$2/$name"
done <"$list.names"
