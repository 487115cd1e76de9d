#!/bin/sh
# SPDX-License-Identifier: MIT
# An exec job: reads {"to": …, "subject": …} and says to whom it would write.
body=$(cat)
to=$(printf %s "$body" | sed -n 's/.*"to": *"\([^"]*\)".*/\1/p')
[ -n "$to" ] || exit 65
echo "result a welcome to $to, on attempt $SPILLWAY_ATTEMPT" >&3
