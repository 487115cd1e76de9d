# SPDX-License-Identifier: MIT
"""front_stop.py DIR: SIGTERM, to a front and to all that it has, while it has work."""
import os, select, signal, socket, subprocess, sys

folder = sys.argv[1]
LARGE = 500000  # lines of 24 bytes: more than sockets hold


class Front:
    """In a group of its own, like a service; its log is read as it comes."""

    def __init__(self):
        self.p = subprocess.Popen(["spillway-front", "--config", f"{folder}/front.conf"], stderr=subprocess.PIPE,
                                  text=True, start_new_session=True)
        self.said = ""
        self.until("ev=ready")

    def until(self, what):
        while what not in self.said:
            line = self.p.stderr.readline()
            assert line, f"it ended without '{what}': {self.said}"
            self.said += line

    def told(self, whom=os.kill):
        whom(self.p.pid, signal.SIGTERM)
        self.until("ev=stop")

    def end(self):
        self.said += self.p.stderr.read()  # until it has ended
        assert self.p.wait() == 0, self.p.returncode
        for word in ("ev=killed cause=crash", "ended while loading", "ev=module"):
            assert word not in self.said, self.said


def begin(request):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(f"{folder}/http")
    s.sendall(request)
    return s


def rest(s):
    return b"".join(iter(lambda: s.recv(65536), b""))


def all_of_it():
    """A signal to the group, or to the service's processes, ends no handler at its work."""
    front = Front()
    s = begin(b"GET /hostile/sleep HTTP/1.1\r\nHost: x\r\n\r\n")
    begin(b"GET /hostile/none HTTP/1.1\r\nHost: x\r\n\r\n").recv(100)  # by now the other has begun
    front.told(os.killpg)
    got = rest(s)
    assert got.startswith(b"HTTP/1.1 504") and b"Connection: close" in got, got
    front.end()


def slow_reader():
    """Who reads slowly is sent all of it."""
    front = Front()
    s = begin(b"GET /answer/?%d HTTP/1.1\r\nHost: x\r\n\r\n" % LARGE)
    got = s.recv(100)
    front.told()
    assert not select.select([front.p.stderr], [], [], 0.5)[0], "it has not waited for a slow one"
    got += rest(s)
    assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"answer\n"), got[:100]
    assert len(got.split(b"\r\n\r\n", 1)[1]) == LARGE * 24, f"{len(got)} bytes"
    front.end()


def upload():
    """What is on its way into the blobs gets there."""
    front = Front()
    s = begin(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 300000)
    while not os.listdir(f"{folder}/blobs/tmp") if os.path.exists(f"{folder}/blobs/tmp") else True:
        begin(b"GET /hostile/none HTTP/1.1\r\nHost: x\r\n\r\n").recv(100)
    front.told(os.killpg)
    s.sendall(b"x" * 700000)
    got = rest(s)
    assert got.startswith(b"HTTP/1.1 202"), got
    front.end()


for test in (all_of_it, slow_reader, upload):
    test()
    print(f"[       OK ] {test.__name__}", flush=True)
