#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a mail of a notice (queue settings on_dead and on_age): a job of the
# built-in kind email, in queue email, to $ALERT_TO.
set -eu
jq -c --arg to "${ALERT_TO:-root@localhost}" '{
	to: $to,
	subject: (if .kind == "dead"
		then "\(.count) dead in \(.queue): \(.cause)"
		else "\(.queue) waits \(.age_ms / 1000 | floor) s" end),
	text: "\(.error // "")\n\nspillway get \(.job)\n"
}' | sed 's/^/put email /' >&3
