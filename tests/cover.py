#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cover.py BUILD: what the tests have reached of core, store and wire.

Reads the counts that gcov has left in BUILD.  Fails where an area's branches
are reached by less than LEAST %, and on a branch that is not reached and not
spoken for in tests/cover.known, by function: line numbers rot.  --lines shows
where those are that are spoken for.
"""
import collections
import glob
import json
import re
import subprocess
import sys

LEAST = 95.0
AREAS = {
    "broker/core": "core",
    "broker/job": "core",
    "broker/model": "core",
    "broker/time": "core",
    "broker/repair": "core",
    "broker/store": "store",
    "wire": "wire",
}
# A must() is a mistake of ours that no test can make, want of memory in
# must_have() ends the process, and the hash tables' macros are uthash's code.
NOT_OURS = re.compile(r"\b(must|must_have|HASH_[A-Z_]+)\(")


def area_of(path):
    return AREAS.get(path.rpartition("/")[0])


def excluded(path):
    """The lines of macros that are not counted, over all lines of the call."""
    lines, out, depth = open(path).read().split("\n"), set(), 0
    for n, text in enumerate(lines, 1):
        if depth == 0 and not NOT_OURS.search(text):
            continue
        out.add(n)
        depth += text.count("(") - text.count(")")
    return out


def counts_read(build):
    """{path: {line: (function, [count of each branch], count of the line)}}"""
    seen = collections.defaultdict(dict)
    for notes in [n for area in AREAS for n in glob.glob(f"{build}/{area}/*.gcno")]:
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", notes],
                             check=True, capture_output=True, text=True).stdout
        for file in json.loads(out)["files"]:
            path = file["file"]
            if path.startswith("/") or area_of(path) is None:
                continue
            for line in file["lines"]:
                merge(seen[path], line)
    return seen


def merge(lines, line):
    """A header's lines are counted in each object that includes it."""
    key = line["line_number"], line.get("function_name", "")
    new = [b["count"] for b in line["branches"]]
    old, n = lines.get(key, (new, 0))
    if old is not new and len(old) == len(new):
        old = [a + b for a, b in zip(old, new)]
    lines[key] = (old, n + line["count"])


class Sum:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, other):
        for k, v in vars(other).items():
            setattr(self, k, getattr(self, k) + v)

    def row(self, name):
        return f"{name:28} {part(self.lines_hit, self.lines)} {part(self.branches_hit, self.branches)}"

    def percent(self):
        return 100 * self.branches_hit / self.branches if self.branches else 100


def part(hit, of):
    return f"{100 * hit / of if of else 100:6.1f} % of {of:5}"


def known_read():
    """{(file, function): how many}; the rest of a line is the reason."""
    known = {}
    for text in open("tests/cover.known"):
        if text.strip() and not text.startswith("#"):
            where, n, reason = text.split(None, 2)
            assert reason
            known[tuple(where.split(":"))] = int(n)
    return known


def main():
    build, show = sys.argv[1], "--lines" in sys.argv
    total, missed = collections.defaultdict(Sum), collections.defaultdict(list)
    functions = set()
    print(f"{'':28} {'lines':>16} {'branches':>16}")
    for path, lines in sorted(counts_read(build).items(), key=lambda p: (area_of(p[0]), p[0])):
        s, skip = Sum(), excluded(path)
        for (n, function), (branches, count) in sorted(lines.items()):
            functions.add((path, function))
            s.lines += 1
            s.lines_hit += count > 0
            if n in skip:
                continue
            s.branches += len(branches)
            s.branches_hit += sum(c > 0 for c in branches)
            missed[path, function] += [n] * sum(c == 0 for c in branches)
        print(s.row(path))
        total[area_of(path)].add(s)
    bad = 0
    for area in {"wire", *AREAS} - {a for a, s in total.items() if s.branches}:
        bad = 1
        print(f"FAILED: nothing of {area} was counted")
    for area, s in total.items():
        bad |= s.percent() < LEAST
        print(s.row(area) + (f"  FAILED: less than {LEAST} %" if s.percent() < LEAST else ""))
    known = known_read()
    for where in sorted(known.keys() - functions):
        bad = 1
        print("FAILED: tests/cover.known: there is no " + ":".join(where))
    for where, at in sorted(missed.items()):
        if len(at) > known.get(where, 0):
            bad = 1
            print(f"FAILED: {':'.join(where)}: {len(at)} branches not reached, {known.get(where, 0)} known; "
                  f"lines {' '.join(map(str, at))}")
        elif at and show:
            print(f"{':'.join(where)}: known, lines {' '.join(map(str, at))}")
    return bad


sys.exit(main())
