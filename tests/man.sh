#!/bin/sh
# SPDX-License-Identifier: MIT
# man.sh BUILD check|update: the pages of section 5 are those that the programs
# print from their tables of keys.
set -eu
while read -r program page; do
	if [ "$2" = update ]; then
		"$1/$program" --man >"docs/man/$page"
	elif ! "$1/$program" --man | cmp -s - "docs/man/$page"; then
		echo "docs/man/$page is not what $program --man prints: make man-pages"
		exit 1
	fi
done <<'P'
spillway-broker spillway-broker.conf.5
spillway-worker spillway-jobs.conf.5
spillway-front spillway-front.conf.5
P
