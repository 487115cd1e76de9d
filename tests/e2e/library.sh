#!/bin/bash
# SPDX-License-Identifier: MIT
# Header, map and library of the producer name the same functions, and a program
# that is linked with the library may call each name.
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
echo "$(wc -l <"$dir/library") functions: header, map and library agree"
