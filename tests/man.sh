#!/bin/sh
# SPDX-License-Identifier: MIT
# man.sh BUILD check|update: the pages of section 5 are those that the programs
# print from their tables of keys.
set -eu

# page PROGRAM PAGE: spillway-jobs.conf has the sections of the worker's own and of
# each job program, which reads no others.
page() {
	if [ "$2" != spillway-jobs.conf.5 ]; then
		"$b/$1" --man
		return
	fi
	"$b/$1" --man | sed '/^\.El$/q'
	for job in email logs webhook transcode; do
		"$b/spillway-job-$job" --man | sed '1,/^\.Sh SECTIONS$/d; /^\.Sh SEE ALSO$/,$d'
	done
	printf '%s\n' '.Sh SEE ALSO' '.Xr spillway-jobs 7 ,' ".Xr $1 8"
}

b=$1
while read -r program page; do
	if [ "$2" = update ]; then
		page "$program" "$page" >"docs/man/$page"
	elif ! page "$program" "$page" | cmp -s - "docs/man/$page"; then
		echo "docs/man/$page is not what $program --man prints: make man-pages"
		exit 1
	fi
done <<'P'
spillway-broker spillway-broker.conf.5
spillway-worker spillway-jobs.conf.5
spillway-front spillway-front.conf.5
P
