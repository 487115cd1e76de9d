#!/bin/sh
# SPDX-License-Identifier: MIT
# man.sh: the man pages are well-formed, and there is one for each program.
set -eu
for p in spillway.1 spillway-report.1 spillway-broker.8 spillway-repair.8 spillway-worker.8 spillway-front.8; do
	[ -s "docs/man/$p" ] || { echo "docs/man/$p is missing"; exit 1; }
done
mandoc -Tlint -W warning docs/man/*.[1-8]
echo "a page for each program, all clean"
