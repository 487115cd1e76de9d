#!/bin/bash
# SPDX-License-Identifier: MIT
# Header, map and library of the producer, and of the kit for jobs, name the same
# functions, and a program that is linked with a library may call each name.
set -euo pipefail
b=${SPILLWAY_BIN:?"must be the build folder"}
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/spillway-e2e.XXXXXX")
trap 'rm -rf "$dir"' EXIT

tr '\n' ' ' <"$root/producer/spillway.h" | grep -o 'SW_API [^(;]*(' |
	grep -o 'sw_[a-z_]*($' | tr -d '(' | sort >"$dir/header"
sed -n 's/^\t\(sw_[a-z_]*\);$/\1/p' "$root/producer/libspillway.map" |
	sort >"$dir/map"
nm -D --defined-only "$b/libspillway.so.0" |
	sed -n 's/.* T \(sw_[a-z_]*\)\(@.*\)*$/\1/p' | sort >"$dir/library"
[ "$(wc -l <"$dir/header")" -ge 20 ] || { echo "FAILED: the header has too few functions"; exit 1; }
diff "$dir/header" "$dir/map"
diff "$dir/header" "$dir/library"

cat >"$dir/both.c" <<'C'
#include <spillway.h>

int
main(void)
{
	struct sw_client *c;

	if (sw_open(&c, "ipc:///nonexistent/socket") < 0)
		return 1;
	sw_timeout_set(c, 1000);
	sw_patience_set(c, 1000);
	sw_close(c);
	return 0;
}
C
# A library with a sanitizer in it wants the program to bring that along.
case $b in *asan) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
# shellcheck disable=SC2086 # an option, or none
${CC:-cc} $sanitize -Wno-deprecated-declarations -I"$root/producer" -o "$dir/both" "$dir/both.c" "$b/libspillway.so.0"
LD_LIBRARY_PATH="$b" "$dir/both"

# The kit: the program of its header, by the shared library and by the archive.
tr '\n' ' ' <"$root/jobs/spillway-job.h" | sed 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' |
	grep -o 'spillway_job_[a-z_]*(' | tr -d '(' | grep -v '^spillway_job_fn$' | sort -u >"$dir/job_header"
sed -n 's/^\t\(spillway_[a-z_]*\);$/\1/p' "$root/jobs/libspillway-job.map" | sort >"$dir/job_map"
nm -D --defined-only "$b/libspillway-job.so.0" |
	sed -n 's/.* T \(spillway_[a-z_]*\)\(@.*\)*$/\1/p' | sort >"$dir/job_library"
[ "$(wc -l <"$dir/job_header")" -ge 10 ] || { echo "FAILED: the kit's header has too few functions"; exit 1; }
diff "$dir/job_header" "$dir/job_map"
diff "$dir/job_header" "$dir/job_library"
sed -n '/^ \*\t#include/,/^ \*\t}$/p; /^ \*\tint$/,/^ \*\t}$/p' "$root/jobs/spillway-job.h" |
	sed 's/^ \*//' >"$dir/shout.c"
# shellcheck disable=SC2086 # an option, or none
for l in "$b/libspillway-job.so.0" "$b/libspillway-job.a"; do
	${CC:-cc} $sanitize -Wall -Wextra -Werror -I"$root/jobs" -o "$dir/shout" "$dir/shout.c" "$l"
	status=0
	LD_LIBRARY_PATH="$b" "$dir/shout" 2>"$dir/said" || status=$?
	[ "$status" = 64 ] && grep -q 'must be started by spillway-worker' "$dir/said" ||
		{ echo "FAILED: without a worker: $status $(cat "$dir/said")"; exit 1; }
done
echo "$(wc -l <"$dir/library") and $(wc -l <"$dir/job_library") functions: header, map and library agree"
