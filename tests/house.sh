#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The rules of CONTRIBUTING.md that can be counted; a file that breaks them all must be found.
set -euo pipefail

# breaches FILE...: a line for each.
breaches() {
	awk '
	FNR == 1 { start = 0; spdx[FILENAME] = 0; at[FILENAME] = 0 }
	FNR <= 3 && /SPDX-License-Identifier: MIT/ { spdx[FILENAME] = 1 }
	{ at[FILENAME] = FNR }
	/(^|[^A-Za-z])(TO[D]O|FIX[M]E|X[X]X)([^A-Za-z]|$)/ { print FILENAME ":" FNR ": unfinished" }
	FILENAME !~ /\.[ch]$/ { next }
	/^\{/ { start = FNR }
	/^\}/ && start { if (FNR - start > 61) print FILENAME ":" start ": a function of " FNR - start - 1 " lines"; start = 0 }
	/^\t\t\t\t+(if|for|while|do|switch|else)( |$)/ { print FILENAME ":" FNR ": more than 3 levels" }
	END {
		for (f in at) {
			if (!spdx[f]) print f ": no SPDX line"
			if (at[f] > (f ~ /\.h$/ ? 300 : 600) && f ~ /\.[ch]$/) print f ": " at[f] " lines"
			if (at[f] >= 150 && f ~ /Makefile$/) print f ": " at[f] " lines"
		}
	}' "$@"
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{
	printf 'int\nf(void)\n{\n\t/* TO''DO */\n\t\t\t\t\tif (1)\n'
	for _ in {1..700}; do echo '	;'; done
	echo '}'
} >"$dir/bad.c"
[ "$(breaches "$dir/bad.c" | wc -l)" = 5 ] || { breaches "$dir/bad.c"; echo "FAILED: a breach was not found"; exit 1; }

mapfile -t files < <(find . \( -path ./build -o -path ./.git -o -path ./tests/corpus \) -prune -o \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name Makefile \) -print)
[ "${#files[@]}" -gt 0 ] || { echo "FAILED: there are no files to look at"; exit 1; }
found=$(breaches "${files[@]}")
[ -z "$found" ] || { echo "FAILED:"; echo "$found"; exit 1; }

# A part that may be left out is one of a test that there is.
while read -r part _; do
	name=${part##*/} name=${name%%:*}
	[ -n "$(find tests -name "$name.c" -o -name "$name.sh")" ] || { echo "FAILED: tests/skips.allowed: there is no test $name"; exit 1; }
done < <(grep -v -e '^#' -e '^$' tests/skips.allowed)
echo "${#files[@]} files keep the rules that can be counted"
