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
echo "a page for each program, all clean"
