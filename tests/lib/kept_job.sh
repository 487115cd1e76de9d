#!/bin/sh
# SPDX-License-Identifier: MIT
# A command for examples/kept.sh whose input says what it does: tests/e2e/kits.py.
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat >"$body"
read -r word rest <"$body" || :
case $word in
fail)
	printf %s "$rest" >&2
	exit 65
	;;
again)
	printf busy >&2
	exit 75
	;;
raise)
	printf %s "$rest" >&2
	exit 1
	;;
large) head -c "$rest" /dev/zero | tr '\0' x ;;
facts) printf %s "$SPILLWAY_QUEUE $SPILLWAY_ATTEMPT" ;;
*) cat "$body" ;;
esac
