#!/bin/sh
# SPDX-License-Identifier: MIT
# The man pages are well-formed, there is one for each program, and
# those of section 5 are what the programs' tables of keys say.
set -eu
b=${SPILLWAY_BIN:?"must be the build folder"}
for p in spillway.1 spillway-report.1 spillway-broker.8 spillway-repair.8 spillway-worker.8 spillway-front.8 spillway-jobs.7; do
	[ -s "docs/man/$p" ] || { echo "docs/man/$p is missing"; exit 1; }
done
tests/man.sh "$b" check
mandoc -Tlint -W warning docs/man/*.[1-8]

# Each word behind Fl gets a dash, up to the next macro; and the dash of an Fl
# without a word is stuck to what the next macro prints.  mandoc's lint finds neither.
flags() {
	awk '
	function wrong() { print FILENAME ":" FNR ": " $0; bad = 1 }
	/^\./ {
		fl = 0
		for (i = 1; i <= NF; i++) {
			w = $i
			if (i == 1) sub(/^\./, "", w)
			if (fl && w ~ /^[A-Z][a-z]$/) {
				if (n == 0) wrong()
				fl = 0
			}
			if (w == "Fl") { fl = 1; n = 0 }
			else if (fl && w ~ /^(-[A-Za-z0-9-]*|[A-Za-z])$/) n++
			else if (fl && w !~ /^[][.,:;()|]$/) { wrong(); break }
		}
	}
	END { exit bad }' "$@"
}
flags docs/man/*.[1-8]
for planted in '.Fl its -body' '.Fl -body is left' '.Pq Fl No is standard input'; do
	if echo "$planted" | flags - >/dev/null; then
		echo "not found: $planted"
		exit 1
	fi
done
echo "a page for each program, all clean"
