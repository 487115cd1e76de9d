#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo_transcode.sh BUILD: a phone's film (of Debian's forensics-samples-files)
# becomes an HLS ladder and a poster.
set -euo pipefail
b=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
films=$(tests/samples.sh) || { echo "skipped: the phone's film (Debian's forensics-samples-files) cannot be had here"; exit 0; }
film=$films/movie1/VID_20191220_170832.mp4
mkdir -p build/demo
dir=$(mktemp -d build/demo/transcode.XXXXXX)
dir=$(cd "$dir" && pwd)
export PATH="$b:$PATH" SPILLWAY_BROKER="ipc://$dir/broker.sock" SPILLWAY_BLOBS="dir:$dir/blobs"
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || :; done; wait 2>/dev/null || :' EXIT

spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/broker.log" &
pids+=($!)
spillway-worker --name films --slots 1 --queue transcode=transcode 2>"$dir/worker.log" &
pids+=($!)
spillway queue set transcode timeout_ms=10m --patience 10s >/dev/null
echo "The film: $film"
ffprobe -v error -of compact=p=0 -show_entries stream=codec_name,width,height:format=duration "$film" | sed 's/^/  /'
for profile in hls poster; do
	id=$(spillway put transcode "{\"profile\":\"$profile\"}" --blob "$film")
	spillway wait "$id" >"$dir/$profile.json"
	manifest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifest"])' "$dir/$profile.json")
	"$here/fetch.sh" "$manifest" "$dir/$profile"
	echo "$profile, job $id:"
	spillway get "$id" | grep -E '^state|^attempts|ran ' | sed 's/^/  /'
done
echo "The master playlist:"
sed 's/^/  /' "$dir/hls/master.m3u8"
echo "All of it:"
ls -l "$dir/hls" "$dir/poster" | sed 's/^/  /'
echo "Play it with: ffplay $dir/hls/master.m3u8"
