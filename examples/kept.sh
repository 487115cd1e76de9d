#!/bin/sh
# SPDX-License-Identifier: MIT
# A kept job in the shell, written from docs/jobs-protocol.md: one process runs job after job.
#
#	spillway-worker --queue words='keep:examples/kept.sh'
#	spillway-worker --queue pdf='keep:examples/kept.sh ps2pdf - -'
#
# Without arguments the job counts words; with some these are the command that runs for each
# job: the body is its input, its output the result, its exit status the disposition as for
# exec:, and the end of its standard error the error.  A job that is a function of this page
# may call progress and put.
set -u

size() {
	echo $(($(wc -c <"$1")))
}

# send FILE WORD [ARGUMENT ...]: a message with the file's bytes
send() {
	file=$1
	shift
	echo "$(size "$file") $*" >&9
	cat "$file" >&9
}

# progress PERCENT TEXT
progress() {
	printf %s "$2" >"$dir/said"
	send "$dir/said" progress "$id" "$1"
}

# put QUEUE [NAME=VALUE ...]: a further job, its body on the standard input; it is stored in
# the same commit as the end of this one, or not at all.
put() {
	queue=$1
	shift
	: >"$dir/said"
	[ $# = 0 ] || printf '%s\0' "$@" >"$dir/said"
	headers=$(size "$dir/said")
	cat >>"$dir/said"
	send "$dir/said" put "$id" "$queue" "$headers"
}

count_words() {
	n=$(wc -w)
	progress 50 counted
	echo $((n)) | put counted source="$id"
	echo $((n)) words
}

# run COMMAND ...: the job in $dir/body
run() {
	echo "0 begun $id" >&9
	status=0
	"$@" <"$dir/body" >"$dir/result" 2>"$dir/error" || status=$?
	if [ $status = 0 ] && [ "$(size "$dir/result")" -gt 65536 ]; then
		echo "the result is larger than 64 KB" >"$dir/error"
		status=65
	fi
	tail -c 4096 "$dir/error" >"$dir/end"
	case $status in
	0)
		send "$dir/result" result "$id"
		echo "0 done $id" >&9
		;;
	6[4-9] | 7[0-4] | 7[6-8]) send "$dir/end" fail "$id" ;;
	*) send "$dir/end" retry "$id" ;;
	esac
}

dir=$(mktemp -d) || exit 75
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' TERM
exec 9<&3 3<&- # so that no command takes the socket for that of an exec job
[ $# -gt 0 ] || set -- count_words
echo "0 ready 1" >&9
# A word of a later version, or a cancel that came too late, is skipped with its bytes.
while read -r length word id queue attempt _ _ headers _ <&9; do
	case $word in
	job)
		head -c "$headers" <&9 | tr '\0' '\n' >"$dir/headers"
		head -c $((length - headers)) <&9 >"$dir/body"
		export SPILLWAY_JOB_ID="$id" SPILLWAY_QUEUE="$queue" SPILLWAY_ATTEMPT="$attempt"
		run "$@"
		;;
	*) head -c "$length" <&9 >/dev/null ;;
	esac
done
