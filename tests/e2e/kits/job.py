# SPDX-License-Identifier: MIT
"""A job over examples/kept.py whose body says what it does: tests/e2e/kits/kits.py."""
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import kept


def handler(job):
    word, *rest = job.body.decode(errors="replace").split(" ")
    if word == "fail":
        raise kept.Permanent(" ".join(rest))
    if word == "retry":
        raise kept.Retry("busy", int(rest[0]))
    if word == "again":
        raise kept.Retry("busy")
    if word == "raise":
        raise ValueError(" ".join(rest))
    if word == "large":
        return b"x" * int(rest[0])
    if word == "put":
        job.put(rest[0], b"a\0b\n", k="v", l="w w")
    if word == "headers":
        return repr(sorted(job.headers.items()))
    if word == "facts":
        return f"{job.queue} {job.attempt} {job.max_attempts} {job.timeout_ms}"
    if word == "progress":
        job.progress(40, "so far")
    if word == "wait":
        job.progress(0, "waiting")
        while not job.cancelled():
            pass
        raise kept.Retry("cancelled")
    if word == "print":
        print("printed")
    return job.body


kept.serve(handler)
