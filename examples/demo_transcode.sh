#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo_transcode.sh BUILD: a phone's video (of Debian's forensics-samples-files)
# becomes an HLS ladder and a poster.
. "$(dirname "$0")/demo_lib.sh"
cd "$here/.."
[ -d build/samples ] || note "downloads a phone's video (Debian's forensics-samples-files, 30 MB)"
if ! videos=$(tests/lib/samples.sh); then
	note "skipped: the phone's video (Debian's forensics-samples-files) cannot be fetched here"
	exit 0
fi
video=$videos/movie1/VID_20191220_170832.mp4
export SPILLWAY_BLOBS="dir:$dir/blobs"

# video_wait ID: shows the progress, then the result
video_wait() {
	local said
	while $tty && said=$(spillway get "$1" | sed -n 's/^progress *//p') &&
		! spillway get "$1" | grep -qE '^state +(done|dead)'; do
		printf '\r%s  %s%s\e[K' "$dim" "$said" "$off"
		read -rt 0.3 <> <(:) || :
	done
	$tty && printf '\r\e[K'
	spillway wait "$1" --timeout 10m
}

say "A phone's video becomes an HLS ladder and a poster"
broker_start
worker_start videos "" transcode=transcode
spillway queue set transcode timeout_ms=10m
ffprobe -v error -of compact=p=0 -show_entries stream=codec_name,width,height:format=duration "$video" | sed 's/^/  /'
for profile in hls poster; do
	note "  spillway put transcode '{\"profile\":\"$profile\"}' --blob ${video##*/}"
	id=$(spillway put transcode "{\"profile\":\"$profile\"}" --blob "$video")
	video_wait "$id" >"$dir/$profile.json"
	manifest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifest"])' "$dir/$profile.json")
	"$here/fetch.sh" "$manifest" "$dir/$profile"
	spillway get "$id" | grep -E '^state|^attempts|ran ' | sed 's/^/  /'
done
note "  the master playlist:"
sed 's/^/    /' "$dir/hls/master.m3u8"
note "  all of it, in $dir:"
(cd "$dir" && find hls poster -type f -printf '    %9s  %p\n' | sort -k2)
note "Play it with
  ffplay $dir/hls/master.m3u8"
