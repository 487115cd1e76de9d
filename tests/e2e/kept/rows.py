#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The misbehaviours of misbehave.py, what becomes of the job at hand, and of a good job behind it.

    rows.py queues      a line for each queue
    rows.py play        puts a bad job into each, then a good one, and looks at all of them"""
import json, os, re, subprocess, sys, time

KILLED = "the process closed its socket and went on"
# mode: state, cause and error of the bad job, which has one attempt.
ROWS = {
    "no-begun": ("done", None, None),
    "end-unbegun": ("done", None, None),
    "crash-unbegun": ("done", None, None),
    "start": ("done", None, None),
    "not-ready": ("done", None, None),
    "version": ("done", None, None),
    "deaf": ("done", None, None),
    "end-then": ("done", None, None),
    "end-0": ("dead", "crash", "^the process exited with status 0$"),
    "end-1": ("dead", "crash", "^line one\nValueError: line two$"),
    "crash": ("dead", "crash", "^the process was killed by signal 11$"),
    "killed": ("dead", "oom", "^the process was killed by signal 9$"),
    "close": ("dead", "crash", f"^{KILLED}$"),
    "close-end": ("dead", "crash", "^the process exited with status 4$"),
    "garbage": ("dead", "crash", "^the process sent bytes that are no message$"),
    "too-long": ("dead", "crash", "^the process sent bytes that are no message$"),
    "other-id": ("dead", "crash", "^the process sent 'done' for a job that it does not have$"),
    "before-begun": ("dead", "crash", "^the process sent 'done' before 'begun'$"),
    "twice": ("dead", "crash", "^the process sent 'begun' twice$"),
    "arguments": ("dead", "crash", "^the process sent 'progress' with wrong arguments$"),
    "timeout": ("dead", "timeout", None),
    "timeout-heed": ("dead", "timeout", "^stopped as told$"),
    "large": ("dead", "permanent", "larger than 64 KB"),
    "bad-put": ("dead", "error", "^a follow-up for N0-QUEUE! is lost: "),
    "retry": ("dead", "error", "^not now$"),
    "alarm": ("dead", "permanent", "^no key$"),
}
deadline = time.monotonic() + float(os.environ["DEADLINE_S"])


def spillway(*arguments, stdin=None):
    return subprocess.run(("spillway",) + arguments, input=stdin, capture_output=True, text=True, check=True).stdout


def put(queue, body, *options):
    return spillway("put", queue, "-", *options, stdin=body).split()[0]


def ended(id):
    while True:
        job = json.loads(spillway("get", id, "--json"))
        if job["state"] in ("done", "dead", "cancelled"):
            return job
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: never ended: {job}")
        time.sleep(0.05)


def check(mode, job, state, cause, error):
    last = [e for e in job["events"] if e["kind"] == "attempt"][-1:] or [{}]
    said = last[0].get("error", "")
    if job["state"] != state or (cause and job.get("cause") != cause) or (error and not re.search(error, said)):
        sys.exit(f"FAILED: {mode}: {state}, {cause}, {error}: {job}")


def play():
    # "deaf" reads no further: a large job fills the socket.
    large = {"deaf": "good" + "x" * 120000}
    jobs = []
    for mode in ROWS:
        timeout = ("--timeout", "1s") if mode.startswith("timeout") else ()
        bad = put(mode, "bad", "--max-attempts", "1", *timeout)
        good = put(mode, large.get(mode, "good"), "--max-attempts", "1")
        jobs.append((mode, bad, good))
    for mode, bad, good in jobs:
        check(mode, ended(bad), *ROWS[mode])
        job = ended(good)
        check(mode + ", the good job", job, "done", None, None)
        if not job["result"].startswith("good") or job.get("follows"):
            sys.exit(f"FAILED: {mode}, the good job: {job}")
    left = [q for q in map(json.loads, spillway("queues", "--json").splitlines()) if q["queue"] not in ROWS]
    if left:
        sys.exit(f"FAILED: follow-ups of jobs that were not done: {left}")
    print(f"{len(jobs)} misbehaviours, each with a good job behind it")


if sys.argv[1] == "queues":
    print("\n".join(ROWS))
else:
    play()
