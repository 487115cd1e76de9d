#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The job `transcode` with real ffmpeg: every profile on real and on generated
# media, malformed and hostile files, limits, progress and cancel.
. "$(dirname "$0")/../lib/e2e_lib.sh"
case $b in *asan) echo "skipped: all: the sandbox's limit of memory leaves a sanitizer none" && exit ;; esac
cd "$(dirname "$0")/../.."
export SPILLWAY_BLOBS=dir:$dir/store TMPDIR=$dir
quiet=(-nostdin -hide_banner -v error -y)

cat >"$dir/jobs.conf" <<'C'
[transcode hls]
ladder = 180:400 90:150
preset = ultrafast
segment = 1s
[transcode mp4]
ladder = 180:400
preset = ultrafast
[transcode webm]
ladder = 90:100
preset = ultrafast
[transcode hevc]
base = mp4
codec = h265
ladder = 90:200
preset = ultrafast
[transcode av1]
base = webm
codec = av1
ladder = 90:200
preset = ultrafast
audio = none
[transcode song]
base = audio
codec = mp3
[transcode picture]
base = poster
codec = png
width = 160
[transcode slow]
base = mp4
preset = veryslow
C

# make NAME BODY FILE: the result into $dir/NAME.json, the files into $dir/NAME.
make_it() {
	spillway put transcode "$2" --blob "$3" --wait-for "${DEADLINE_S}s" >"$dir/$1.json" 2>"$dir/$1.err" ||
		fail "$1: $(cat "$dir/$1.err"; spillway dead list)"
	examples/fetch.sh "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifest"])' "$dir/$1.json")" "$dir/$1"
}

# entry FILE SECTION=NAME: one value by ffprobe.
entry() { ffprobe -v error -of csv=p=0 -show_entries "$2" "$1" | head -n 1 | tr -d ,; }
codecs() { ffprobe -v error -of csv=p=0 -show_entries stream=codec_name "$1" | tr '\n' ' ' | tr -d ,; }
near() { python3 -c 'import sys; a, b, d = map(float, sys.argv[1:]); sys.exit(not abs(a - b) <= d)' "$@"; }

# similar A B: the frames are the same picture (SSIM), whatever their sizes.
similar() {
	ffmpeg -nostdin -hide_banner -i "$1" -i "$2" -lavfi \
		'[0:v]scale=160:90,format=yuv420p[a];[1:v]scale=160:90,format=yuv420p[b];[a][b]ssim' \
		-frames:v 1 -f null - 2>&1 | sed -n 's/.*All:\([0-9.]*\).*/\1/p'
}

# check PROFILE FILE CODECS LENGTH HEIGHT
check() {
	[ "$(codecs "$2")" = "$3 " ] || fail "$1: codecs $(codecs "$2"), not $3"
	near "$(entry "$2" format=duration)" "$4" 0.2 || fail "$1: $(entry "$2" format=duration) s, not $4"
	[ "$5" = 0 ] || [ "$(entry "$2" stream=height)" = "$5" ] || fail "$1: height $(entry "$2" stream=height), not $5"
	[ -z "$(entry "$2" format_tags=title)" ] || fail "$1: the title came along"
}

# refused_job PATTERN BODY FILE: the job is dead after one attempt, with that error.
refused_job() {
	local id
	id=$(spillway put "${queue:-transcode}" "$2" --blob "$3")
	! spillway wait "$id" >/dev/null 2>&1 || fail "$3 went well, '$1' was wanted"
	spillway dead show "$id" >"$dir/said"
	grep -qE -- "$1" "$dir/said" || fail "no '$1' in: $(cat "$dir/said")"
	grep -q "attempts *1$" "$dir/said" || fail "tried more than once: $(cat "$dir/said")"
	grep -q "$dir/store" "$dir/said" && fail "the store's path is in: $(cat "$dir/said")"
	return 0
}

broker_start
worker_start one --slots 2 --queue transcode=transcode --jobs "$dir/jobs.conf"
spillway queue set transcode backoff_ms=1 max_attempts=3 timeout_ms=1h

ffmpeg "${quiet[@]}" -f lavfi -i testsrc2=s=320x240:r=25:d=6 -f lavfi -i sine=d=6 -c:v libx264 -preset ultrafast \
	-c:a aac -metadata title=secret -movflags +faststart "$dir/gen.mp4"
ffmpeg "${quiet[@]}" -ss 2 -i "$dir/gen.mp4" -frames:v 1 "$dir/source.png"

# --- every profile ---------------------------------------------------------
make_it mp4 '{"profile":"mp4","then":"next"}' "$dir/gen.mp4"
check mp4 "$dir/mp4/video.mp4" "h264 aac" 6 180
make_it webm '{"profile":"webm"}' "$dir/gen.mp4"
check webm "$dir/webm/video.webm" "vp9 opus" 6 90
make_it hevc '{"profile":"hevc"}' "$dir/gen.mp4"
check hevc "$dir/hevc/video.mp4" "hevc aac" 6 90
make_it av1 '{"profile":"av1"}' "$dir/gen.mp4"
check av1 "$dir/av1/video.webm" "av1" 6 90
make_it audio '{"profile":"audio"}' "$dir/gen.mp4"
check audio "$dir/audio/audio.m4a" "aac" 6 0
make_it song '{"profile":"song"}' "$dir/gen.mp4"
check song "$dir/song/audio.mp3" "mp3" 6 0

make_it thumbnail '{"profile":"thumbnail","at_ms":2000}' "$dir/gen.mp4"
[ "$(entry "$dir/thumbnail/image.jpg" stream=width)" = 320 ] || fail "thumbnail: width"
make_it picture '{"profile":"picture","at_ms":2000}' "$dir/gen.mp4"
[ "$(entry "$dir/picture/image.png" stream=width)" = 160 ] || fail "picture: width"
make_it poster '{"profile":"poster"}' "$dir/gen.mp4"
[ "$(entry "$dir/poster/image.jpg" stream=width)" = 320 ] || fail "a poster was made larger than its video"
for f in thumbnail/image.jpg picture/image.png; do
	ssim=$(similar "$dir/$f" "$dir/source.png")
	near "$ssim" 1 0.08 || fail "$f is not the frame at 2 s: SSIM $ssim"
done
other=$(similar "$dir/poster/image.jpg" "$dir/source.png")
! near "$other" 1 0.08 || fail "control: another frame is as similar: SSIM $other"

make_it hls '{"profile":"hls"}' "$dir/gen.mp4"
[ "$(grep -c '^#EXT-X-STREAM-INF' "$dir/hls/master.m3u8")" = 2 ] || fail "master: $(cat "$dir/hls/master.m3u8")"
grep -q 'RESOLUTION=240x180' "$dir/hls/master.m3u8" || fail "master: $(cat "$dir/hls/master.m3u8")"
for p in 180p 90p audio; do
	grep -q "$p.m3u8" "$dir/hls/master.m3u8" || fail "$p is not in the master playlist"
	grep -q '^#EXT-X-ENDLIST' "$dir/hls/$p.m3u8" || fail "$p has no end"
	[ "$(grep -c '^#EXTINF' "$dir/hls/$p.m3u8")" -ge 6 ] || fail "$p: $(cat "$dir/hls/$p.m3u8")"
	for s in $(grep -v '^#' "$dir/hls/$p.m3u8"); do [ -s "$dir/hls/$s" ] || fail "$s is missing"; done
	near "$(entry "$dir/hls/$p.m3u8" format=duration)" 6 0.3 || fail "$p: length"
done
[ "$(entry "$dir/hls/180p.m3u8" stream=height)" = 180 ] && [ "$(entry "$dir/hls/90p.m3u8" stream=height)" = 90 ] || fail "heights"
ffmpeg "${quiet[@]}" -ss 2 -i "$dir/hls/180p.m3u8" -frames:v 1 "$dir/hls.png"
near "$(similar "$dir/hls.png" "$dir/source.png")" 1 0.1 || fail "hls: the picture: $(similar "$dir/hls.png" "$dir/source.png")"

# The follow-up has the result as its body.
id=$(spillway list queue=next --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["id"])')
[ "$(spillway get "$id" --body)" = "$(cat "$dir/mp4.json")" ] || fail "then: $(spillway get "$id" --body)"
want=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifest"])' "$dir/mp4.json")
spillway get "$id" --json | grep -qF "{\"manifest\":\"$want\"}" || fail "its manifest: $(spillway get "$id" --json)"

# A job's reported memory is ffmpeg's; the worker's own process is small.
id=$(spillway put transcode '{"profile":"mp4"}' --blob "$dir/gen.mp4")
spillway wait "$id" >/dev/null
rss=$(spillway get "$id" | sed -n 's/.* rss \([0-9]*\)[.0-9]* MB.*/\1/p')
[ "${rss:-0}" -ge 30 ] || fail "ffmpeg in ${rss:-no} MB: $(spillway get "$id")"

# A video that is higher than wide: the shorter side counts.
ffmpeg "${quiet[@]}" -f lavfi -i testsrc2=s=180x320:r=10:d=1 -c:v libx264 -preset ultrafast "$dir/tall.mp4"
make_it tall '{"profile":"webm"}' "$dir/tall.mp4"
[ "$(entry "$dir/tall/video.webm" stream=width)" = 90 ] && [ "$(entry "$dir/tall/video.webm" stream=height)" = 160 ] || fail "tall"
make_it silent '{"profile":"hls"}' "$dir/tall.mp4"
grep -q AUDIO "$dir/silent/master.m3u8" && fail "sound out of nothing"

# shaped NAME SIZE SAR WIDTH HEIGHT: the size of the thumbnail of such a video.
shaped() {
	ffmpeg "${quiet[@]}" -f lavfi -i "color=s=$2:d=0.1,setsar=$3" -c:v ffv1 "$dir/$1.mkv"
	make_it "$1" '{"profile":"thumbnail"}' "$dir/$1.mkv"
	[ "$(entry "$dir/$1/image.jpg" stream=width) $(entry "$dir/$1/image.jpg" stream=height)" = "$4 $5" ] ||
		fail "$1: $(entry "$dir/$1/image.jpg" stream=width) by $(entry "$dir/$1/image.jpg" stream=height)"
}
shaped pal 720x576 64/45 320 180
shaped upright 90x160 1/1 90 160
shaped narrow 200x100 1/2 100 100
shaped flat 4000x2 1/1 320 2
shaped tower 16x40000 1/1 2 1280
shaped stretched 4000x480 100/1 320 2

# --- refused input ---------------------------------------------------------
head -c 200000 "$dir/gen.mp4" >"$dir/truncated.mp4"
ffmpeg "${quiet[@]}" -i "$dir/gen.mp4" -c copy "$dir/late.mp4"
head -c 200000 "$dir/late.mp4" >"$dir/headless.mp4"
head -c 100000 /dev/urandom >"$dir/junk"
printf 'a text\nof two lines\n' >"$dir/text"
: >"$dir/empty"
refused_job "truncated: it says it is 6.0 s" '{"profile":"mp4"}' "$dir/truncated.mp4"
refused_job "moov atom not found" '{"profile":"mp4"}' "$dir/headless.mp4"
refused_job "the input is empty" '{"profile":"mp4"}' "$dir/empty"
for f in junk text; do refused_job "ffprobe: .*Invalid data found" '{"profile":"mp4"}' "$dir/$f"; done
refused_job "no such profile|no profile of that name" '{"profile":"nonsense"}' "$dir/gen.mp4"
refused_job "the body is not JSON" 'mp4' "$dir/gen.mp4"
refused_job "the body is not JSON" '{"profile":"mp4"} and more' "$dir/gen.mp4"
refused_job "the body is not a JSON object" '["mp4"]' "$dir/gen.mp4"
refused_job "the body has a NUL in it" '{"profile":"mp4\u0000.evil"}' "$dir/gen.mp4"
refused_job "unknown key 'args'" '{"profile":"mp4","args":"-i /etc/passwd"}' "$dir/gen.mp4"
refused_job "'profile' comes twice" '{"profile":"mp4","profile":"webm"}' "$dir/gen.mp4"
refused_job "there is no 'profile'" '{}' "$dir/gen.mp4"
refused_job "'profile' is not a string" '{"profile":7}' "$dir/gen.mp4"
refused_job "'then' is not a queue's name" '{"profile":"mp4","then":"A B"}' "$dir/gen.mp4"
for at in '"2000"' true null -1 0.5 864000001 1e99; do
	refused_job "'at_ms' is not a whole number from 0 to 864000000" "{\"profile\":\"thumbnail\",\"at_ms\":$at}" "$dir/gen.mp4"
done
refused_job "behind its end" '{"profile":"thumbnail","at_ms":99000}' "$dir/gen.mp4"
refused_job "no sound in it" '{"profile":"audio"}' "$dir/tall.mp4"
id=$(spillway put transcode '{"profile":"mp4"}')
! spillway wait "$id" 2>/dev/null && spillway dead show "$id" | grep -q "no input" || fail "no input"

# Playlists and lists that name files and hosts.  Control: plain ffprobe
# follows the first of them.
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n%s\n#EXT-X-ENDLIST\n' "file://$dir/gen.mp4" >"$dir/list.m3u8"
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n' >"$dir/passwd.m3u8"
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n' >"$dir/http.m3u8"
printf 'ffconcat version 1.0\nfile /etc/passwd\n' >"$dir/concat"
followed=$(ffprobe -v debug -allowed_extensions ALL "$dir/list.m3u8" 2>&1 | grep -c "Opening 'file://$dir/gen.mp4'") || :
[ "$followed" -ge 1 ] || fail "control: plain ffprobe does not follow a playlist"
for f in list.m3u8 passwd.m3u8 http.m3u8 concat; do
	refused_job "none of those that 'formats' allows$" '{"profile":"mp4"}' "$dir/$f"
done
# A picture of 16 by 16 in a container that declares 60000 by 60000.
ffmpeg "${quiet[@]}" -f lavfi -i color=s=16x16:d=0.1 -c:v ffv1 "$dir/small.avi"
python3 - "$dir/small.avi" "$dir/huge.avi" <<'P'
import struct
import sys
b = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(b.replace(struct.pack("<2I", 16, 16), struct.pack("<2I", 60000, 60000)))
P
make_it small '{"profile":"mp4"}' "$dir/small.avi"
refused_job "ffprobe: Picture size 60000x60000 is invalid|larger than max_pixels" '{"profile":"thumbnail"}' "$dir/huge.avi"

# A video without a frame.
ffmpeg "${quiet[@]}" -f lavfi -i color=s=16x16:d=0.1 -vf select=0 "$dir/none.avi" 2>/dev/null
refused_job "not one frame" '{"profile":"thumbnail"}' "$dir/none.avi"

# --- limits ----------------------------------------------------------------
# limit NAME KEY VALUE: a worker with that limit serves the queue NAME.
limited() {
	printf '[transcode]\n%s = %s\n[transcode mp4]\npreset = ultrafast\n' "$2" "$3" >"$dir/$1.conf"
	worker_start "$1" --queue "$1=transcode" --jobs "$dir/$1.conf"
	spillway queue set "$1" backoff_ms=1 max_attempts=3 timeout_ms=1h
	queue=$1
}
ffmpeg "${quiet[@]}" -f lavfi -i nullsrc=s=320x240:r=25:d=4,geq=random\(1\)*255:128:128 -c:v libx264 -preset ultrafast -crf 10 "$dir/noise.mp4"
limited pixels max_pixels 5000
refused_job "larger than max_pixels" '{"profile":"mp4"}' "$dir/gen.mp4"
limited length max_duration 2s
refused_job "longer than max_duration" '{"profile":"mp4"}' "$dir/gen.mp4"
limited output max_output 64k
refused_job "beyond max_output" '{"profile":"mp4"}' "$dir/noise.mp4"
limited disk disk 64k
refused_job "grew beyond disk" '{"profile":"mp4"}' "$dir/noise.mp4"
limited cpu cpu 1s
ffmpeg "${quiet[@]}" -stream_loop 20 -i "$dir/noise.mp4" -c copy "$dir/long.mp4"
refused_job "CPU time" '{"profile":"webm"}' "$dir/long.mp4"
queue=
printf '[transcode mp4]\npreset = quick\n' >"$dir/quick.conf"
refused 78 "preset = quick" spillway-worker --queue a=transcode --jobs "$dir/quick.conf"

# --- progress, cancel, timeout ----------------------------------------------
# ffmpeg_of: the pids that read that input.
ffmpeg_is() { [ "$(pgrep -fc -- "^/usr/bin/ffmpeg .*$dir/store")" = "$1" ]; }
percent() { spillway get "$1" --json | python3 -c 'import json, sys; print(int(json.load(sys.stdin).get("progress") or 0))'; }
grown() { [ "$(percent "$1")" -gt "$2" ]; }
state_is() { [ "$(spillway get "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])')" = "$2" ]; }

id=$(spillway put transcode '{"profile":"slow"}' --blob "$dir/long.mp4")
until_true grown "$id" 0
first=$(percent "$id")
until_true grown "$id" "$first"
ffmpeg_is 1 || fail "not one ffmpeg"
from=$(date +%s%N)
spillway cancel "$id" >/dev/null
until_true ffmpeg_is 0
until_true state_is "$id" cancelled
took=$((($(date +%s%N) - from) / 1000000))

spillway queue set transcode timeout_ms=1500 max_attempts=1
id=$(spillway put transcode '{"profile":"slow"}' --blob "$dir/long.mp4")
! spillway wait "$id" 2>/dev/null || fail "a timeout"
spillway dead show "$id" | grep -q timeout || fail "cause timeout"
until_true ffmpeg_is 0
spillway queue set transcode timeout_ms=1h max_attempts=3

# kill -9 of the worker leaves no ffmpeg behind.
id=$(spillway put transcode '{"profile":"slow"}' --blob "$dir/long.mp4")
until_true ffmpeg_is 1
kill -9 "${pids[1]}"
until_true ffmpeg_is 0
spillway cancel "$id" >/dev/null

# --- real media --------------------------------------------------------------
done="all generated profiles; a cancelled ffmpeg and its job were gone after $took ms"
if ! videos=$(tests/lib/samples.sh); then
	echo "skipped: videos: Debian's forensics-samples-files cannot be had here"
	echo "$done"
	exit 0
fi
worker_start real --slots 2 --queue transcode=transcode --jobs "$dir/jobs.conf"
make_it phone '{"profile":"hls"}' "$videos"/movie1/VID_20191220_170832.mp4
near "$(entry "$dir/phone/180p.m3u8" format=duration)" 1.6 0.3 || fail "the phone's video: length"
[ "$(entry "$dir/phone/180p_00000.ts" stream=codec_name)" = h264 ] || fail "the phone's video: codec"
for f in avi mpeg; do
	make_it "real-$f" '{"profile":"mp4"}' "$videos/movie2/movie-hello.$f"
	near "$(entry "$dir/real-$f/video.mp4" format=duration)" 8.3 0.3 || fail "$f: length"
	[ "$(codecs "$dir/real-$f/video.mp4")" = "h264 aac " ] || fail "$f: $(codecs "$dir/real-$f/video.mp4")"
done
# Of its sound a tenth can be decoded, by ffmpeg as by libvorbis.
refused_job "most of it cannot be decoded: Error while decoding stream #0:1" '{"profile":"mp4"}' "$videos/movie2/movie-hello.ogg"
ffmpeg "${quiet[@]}" -ss 4 -i "$videos/movie2/movie-hello.avi" -frames:v 1 "$dir/avi.png"
make_it shot '{"profile":"thumbnail","at_ms":4000}' "$videos/movie2/movie-hello.avi"
near "$(similar "$dir/shot/image.jpg" "$dir/avi.png")" 1 0.1 || fail "the avi's frame: SSIM $(similar "$dir/shot/image.jpg" "$dir/avi.png")"
echo "$done; real media"
