# SPDX-License-Identifier: MIT
"""A front under test, and clients that say each byte themselves."""
import os, re, signal, socket, subprocess, time

DEADLINE_S = int(os.environ["DEADLINE_S"])  # of what hangs: tests/lib/e2e_lib.sh


def until(true, what):
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, f"never true: {what}"
        time.sleep(0.01)


def turns(pid):
    """How often it has slept, and so been round its loop."""
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M)[1])


class Front:
    """In its own group, like a service, but it ends with a failed test; its log is read live."""

    def __init__(self, folder, conf="front.conf", **how):
        self.folder = folder
        self.p = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "spillway-front", "--config", f"{folder}/{conf}"],
                                  stderr=subprocess.PIPE, text=True, start_new_session=True, **how)
        self.said = ""
        self.until("ev=ready")

    def until(self, what):
        while what not in self.said:
            line = self.p.stderr.readline()
            assert line, f"it ended without '{what}': {self.said}"
            self.said += line

    def end(self):
        """Told or not, it ends well."""
        self.p.send_signal(signal.SIGTERM)
        self.said += self.p.stderr.read()  # until it has ended
        assert self.p.wait() == 0, self.p.returncode

    def begin(self, request=b""):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE_S)
        s.connect(f"{self.folder}/http")
        s.sendall(request)
        return s

    def ask(self, request):
        """All that is answered until the connection is closed."""
        s = self.begin(request)
        s.shutdown(socket.SHUT_WR)
        return rest(s)


def get(path, more=b""):
    return b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, more)


def rest(s):
    return b"".join(iter(lambda: s.recv(65536), b""))


def run(*tests):
    for test in tests:
        test()
        print(f"[       OK ] {test.__name__}", flush=True)
