#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs the folder that the body names into $ARCHIVES/JOB-ID.tar.gz.
set -eu
folder=$(cat)
out=$ARCHIVES/$SPILLWAY_JOB_ID.tar.gz

if ! [ -d "$folder" ]; then
	echo "no such folder: $folder" >&2
	exit 65 # EX_DATAERR: never again
fi
if [ -e "$folder/.lock" ]; then
	echo "$folder is being written to" >&2
	echo "retry-after 30s" >&3
	exit 75 # EX_TEMPFAIL: again, in 30 seconds
fi

echo "progress 10 packing $folder" >&3
# First under a name of this attempt alone: $out is whole or not there.
tar -cz -f "$out.part$SPILLWAY_ATTEMPT" -C "$folder" .
mv "$out.part$SPILLWAY_ATTEMPT" "$out"
rm -f "$out".part* # of attempts that were killed

echo "put archived $out" >&3
echo "result $(wc -c <"$out") bytes in $out" >&3
