#!/bin/sh
# SPDX-License-Identifier: MIT
# tidy.sh FOLDER...: clang-tidy and cppcheck over the code, each in one line a finding.
set -eu
includes=
for d in "$@"; do includes="$includes -iquote $d"; done
for d in "$@"; do
	# shellcheck disable=SC2086 # a list of options
	printf '%s\n' "$d"/*.c | xargs -P "$(nproc)" -n 4 sh -c '
		includes=$1
		shift
		clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=c11 -D_GNU_SOURCE \
			-DSPILLWAY_VERSION=\"\" $includes 2>/dev/null' tidy "$includes"
done
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr -j "$(nproc)" "$@"
