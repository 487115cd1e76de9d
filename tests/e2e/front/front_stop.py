# SPDX-License-Identifier: MIT
"""front_stop.py DIR: SIGTERM, to a front and to all that it has, while it has work."""
import os, signal, sys

from front_lib import Front, get, rest, run, turns, until

folder = sys.argv[1]
LARGE = 500000  # lines of 24 bytes: more than sockets hold


def told(front, whom=os.kill):
    whom(front.p.pid, signal.SIGTERM)
    front.until("ev=stop")


def ended(front):
    front.end()
    for word in ("ev=killed cause=crash", "ended while loading", "ev=module"):
        assert word not in front.said, front.said


def all_of_it():
    """A signal to the group, or to the service's processes, ends no handler at its work."""
    front = Front(folder)
    s = front.begin(get(b"/hostile/sleep"))
    front.begin(get(b"/hostile/none")).recv(100)  # by now the other has begun
    told(front, os.killpg)
    got = rest(s)
    assert got.startswith(b"HTTP/1.1 504") and b"Connection: close" in got, got
    ended(front)


def slow_reader():
    """Who reads slowly is sent all of it."""
    front = Front(folder)
    s = front.begin(get(b"/answer/?%d" % LARGE))
    got = s.recv(100)
    told(front)
    before = turns(front.p.pid)
    until(lambda: front.p.poll() is not None or turns(front.p.pid) >= before + 40, "it has looked whether it may end")
    assert front.p.poll() is None, "it has not waited for a slow one"
    got += rest(s)
    assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"answer\n"), got[:100]
    assert len(got.split(b"\r\n\r\n", 1)[1]) == LARGE * 24, f"{len(got)} bytes"
    ended(front)


def upload():
    """What is on its way into the blobs gets there."""
    front = Front(folder)
    s = front.begin(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 300000)
    until(lambda: os.path.exists(f"{folder}/blobs/tmp") and os.listdir(f"{folder}/blobs/tmp"), "it is being written")
    told(front, os.killpg)
    s.sendall(b"x" * 700000)
    got = rest(s)
    assert got.startswith(b"HTTP/1.1 202"), got
    ended(front)


run(all_of_it, slow_reader, upload)
