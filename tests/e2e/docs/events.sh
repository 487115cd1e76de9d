#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/operations.md has a row for each event that the broker and the worker
# log, and for no other.
set -euo pipefail
python3 - <<'P'
import glob
import re
import sys

ROOMS = {"broker": ("broker", "link"), "worker": ("worker", "spawner", "link")}
# The event is the second argument of these functions, or one of two.
CALLS = re.compile(r'\b(?:sw_log|error_log)\(\s*[^,;"]+,([^,;]+),')
PLAIN = re.compile(r'"<\d>ev=([a-z-]+)')  # base/log.c, base/must.h


def logged(rooms):
    events = {}
    for room in rooms + ("base",):
        for path in glob.glob(room + "/**/*.[ch]", recursive=True):
            text = open(path).read().replace("<%d>ev=log", "<4>ev=log")
            calls = CALLS.findall(text) if path.endswith(".c") else []
            calls = [e for c in calls for e in re.findall(r'"([a-z-]+)"', c)]
            for event in calls + PLAIN.findall(text):
                events.setdefault(event, path)
    return events


def described(program):
    text = open("docs/operations.md").read()
    part = re.search(r"### Events of the %s\n(.*?)(?=\n##|\Z)" % program, text, re.S)
    if not part:
        sys.exit("docs/operations.md has no section 'Events of the %s'" % program)
    return {e for row in re.findall(r"^\| (`.*?) \|", part[1], re.M)
            for e in re.findall(r"`([a-z-]+)`", row)}


wrong = 0
for program, rooms in ROOMS.items():
    has, says = logged(rooms), described(program)
    for event in sorted(has.keys() - says):
        print("FAILED: docs/operations.md: no row for ev=%s of the %s (%s)" % (event, program, has[event]))
    for event in sorted(says - has.keys()):
        print("FAILED: docs/operations.md: the %s logs no ev=%s" % (program, event))
    wrong += len(has.keys() ^ says)
    if not wrong:
        print("%d events of the %s" % (len(says), program))
sys.exit(wrong > 0)
P
