#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A front that is told to end has promises to keep; front_stop.py holds it to them.
. "$(dirname "$0")/../lib/e2e_lib.sh"

modules "$root"/examples/handlers/upload.c "$root"/tests/handlers/{answer,hostile}.c
cat >"$dir/front.conf" <<C
[front]
listen = unix:$dir/http
broker = $SPILLWAY_BROKER
blobs = dir:$dir/blobs
budget_us = 1000000
wall_ms = 60000
request_s = $DEADLINE_S
[route /hostile]
module = $dir/hostile.so
wall_ms = 2000
[route /answer]
module = $dir/answer.so
max_answer = 16000000
[route /upload]
module = $dir/upload.so
blob = 1
C
broker_start
timeout $((4 * DEADLINE_S)) python3 "$root/tests/e2e/front/front_stop.py" "$dir"
