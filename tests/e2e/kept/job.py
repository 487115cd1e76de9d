#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""job.py EXAMPLES: a kept process that does what the body says: WORD [ARGUMENT]."""
import os, resource, subprocess, sys, time

sys.path.insert(0, sys.argv[1])
import kept

if os.environ.get("FAIL_WITH"):
    sys.exit(os.environ["FAIL_WITH"])
marks = os.environ["MARKS"]


def wait_for(test):
    while not test():
        time.sleep(0.02)


def mark(name):
    with open(f"{marks}/{name}", "w") as f:
        f.write(str(os.getpid()))


def run(job):
    word, *arguments = job.body.decode().split()
    if word == "pid":
        return str(os.getpid())
    if word == "all":  # so many of these jobs at once, or none of them ends
        mark(f"all.{job.id}")
        wait_for(lambda: len([f for f in os.listdir(marks) if f.startswith("all.")]) >= int(arguments[0]))
    elif word == "until":  # the file is there, or the job is cancelled
        mark(f"begun.{arguments[0]}")
        wait_for(lambda: os.path.exists(f"{marks}/{arguments[0]}") or job.cancelled())
        if job.stop:
            raise kept.Permanent("cancelled")
        return "seen"
    elif word == "leave":  # a process in a session of its own, and one in this group
        left = [subprocess.Popen(["sleep", "1000"], start_new_session=s) for s in (True, False)]
        return " ".join(str(p.pid) for p in left)
    elif word == "say":
        print("a line of", job.id, flush=True)
        print("and an error", file=sys.stderr, flush=True)
    elif word == "lines":  # more than are logged, perhaps, and one without an end
        sys.stdout.write("a line\n" * int(arguments[0]) + "half")
        sys.stdout.flush()
    elif word == "die":
        print("its own line", file=sys.stderr, flush=True)
        os._exit(9)
    elif word == "limits":
        return f"{os.getpid()} {resource.getrlimit(resource.RLIMIT_AS)[0]} {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
    elif word == "where":
        return os.getcwd()
    elif word == "variables":
        return "\n".join(f"{k}={v}" for k, v in sorted(os.environ.items()))


kept.serve(run)
