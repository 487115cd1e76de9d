#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh BUILD [PART...]: real work through a front, a broker and workers.  The
# parts are front and logs, and transcode, which needs ffmpeg.
set -eu
b=$1
here=$(dirname "$0")
shift
[ $# -gt 0 ] || set -- front logs
for part; do
	case $part in front | logs | transcode) continue ;; esac
	echo "demo: the parts are front, logs and transcode, not '$part'" >&2
	exit 64
done
echo "The files of the demo are in build/demo; its processes end with it."
for part; do "$here/demo_$part.sh" "$b"; done
case " $* " in *' transcode '*) exit ;; esac
echo "
A phone's video is a part of its own, for which ffmpeg (430 MB) is installed
and a video (30 MB) downloaded:
  make demo DEMO=transcode"
