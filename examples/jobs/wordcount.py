#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds the words of a text, the body, to the totals in $WORDCOUNT_DB."""
import collections
import json
import os
import sqlite3
import sys

TABLES = (
    "CREATE TABLE IF NOT EXISTS counted (job TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, n INTEGER)",
)


def add(db, job, counts):
    """The job's id goes in with its words, or neither: run again, it adds nothing."""
    with db:
        if db.execute("INSERT OR IGNORE INTO counted VALUES (?)", (job,)).rowcount:
            db.executemany(
                "INSERT INTO words VALUES (?, ?)"
                " ON CONFLICT (word) DO UPDATE SET n = n + excluded.n",
                counts.items())


def main(say):
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as e:
        print("not a text:", e, file=sys.stderr)
        return os.EX_DATAERR  # never again
    say("progress 10 counting")
    counts = collections.Counter(text.split())
    try:
        db = sqlite3.connect(os.environ["WORDCOUNT_DB"])
        for table in TABLES:
            db.execute(table)
        add(db, os.environ["SPILLWAY_JOB_ID"], counts)
    except sqlite3.OperationalError as e:  # locked, no space: that passes
        print(e, file=sys.stderr)
        say("retry-after 10s")
        return os.EX_TEMPFAIL
    say("result", json.dumps(dict(counts.most_common(3))))
    return os.EX_OK


with open(3, "w", encoding="utf-8") as report:
    status = main(lambda *words: print(*words, file=report, flush=True))
sys.exit(status)
