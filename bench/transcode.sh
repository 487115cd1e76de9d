#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# transcode.sh [BUILD]: a video of VIDEO_S (20) seconds of 720p as a job, from the
# put to the result, beside the same ffmpeg command run by hand, in turns:
# medians of ROUNDS (5).  The job puts, fetches and hashes the video, probes it,
# and stores what was made.
set -euo pipefail
b=$(cd "${1:-build/release}" && pwd)
command -v ffmpeg >/dev/null || { echo "bench: there is no ffmpeg: transcoding is left out"; exit 0; }
dir=$(mktemp -d "$b/transcode.XXXXXX")
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || :; done; wait 2>/dev/null || :; rm -rf "$dir"' EXIT
export PATH=$b:$PATH SPILLWAY_BLOBS=dir:$dir/store SPILLWAY_BROKER=ipc://$dir/b.sock TMPDIR=$dir

took() {
	local from
	from=$(date +%s%N)
	"$@" >/dev/null
	echo $((($(date +%s%N) - from) / 1000000))
}
median() { sort -n "$dir/$1" | sed -n "$((($(wc -l <"$dir/$1") + 1) / 2))p"; }
job() { spillway put transcode '{"profile":"mp4"}' --blob "$dir/video.mp4" --wait-for 10m 2>/dev/null; }
plain() { (cd "$dir/plain" && "${command[@]}"); }

ffmpeg -nostdin -v error -f lavfi -i "testsrc2=s=1280x720:r=25:d=${VIDEO_S:-20}" -f lavfi \
	-i "sine=d=${VIDEO_S:-20}" -c:v libx264 -preset ultrafast -c:a aac "$dir/video.mp4"
spillway-broker --data "$dir/data" --listen "$SPILLWAY_BROKER" 2>"$dir/log" &
pids+=($!)
spillway-worker --queue transcode=transcode 2>>"$dir/log" &
pids+=($!)
spillway queue set transcode timeout_ms=10m --broker-timeout 10s >/dev/null

# The command is taken from the job itself, while it runs.
job >/dev/null &
until pid=$(pgrep -f "^/usr/bin/ffmpeg .*file:$dir/store" | head -n 1) && [ -n "$pid" ]; do
	read -rt 0.05 <> <(:) || :
done
mapfile -d '' command <"/proc/$pid/cmdline"
wait $!
mkdir "$dir/plain"
for ((i = 0; i < ${ROUNDS:=5}; i++)); do
	took plain >>"$dir/plain.ms"
	took job >>"$dir/job.ms"
done
plain=$(median plain.ms) job=$(median job.ms)
echo "transcode ${VIDEO_S:-20} s of 720p: $job ms as a job, $plain ms by hand: $(python3 -c "print('%+.1f' % (100 * $job / $plain - 100))") %"
