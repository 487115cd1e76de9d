# SPDX-License-Identifier: MIT
"""pauses.py BUILD SECONDS...: pauses that are nobody's fault (P10).

For each number of seconds: the worker, the broker, both, or everything with
its jobs is stopped for so long; the link between worker and broker is closed,
takes nothing, or loses all that the broker sends, jobs among it.  Beside it a
producer puts 1,000 jobs a second.  Each job has one attempt, and one lease that
ends by silence is that attempt: a broker that charges the pause to a job makes
the job dead.
"""
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SLOTS = 64
LONG, SHORT = SLOTS // 2, 400   # jobs
AT_ONCE = 3                     # scenes
DEADLINE_S = int(os.environ.get("DEADLINE_S") or 120)
CONF = """\
[queue long]
lease_ms = %(lease)ds
max_attempts = 1
max_crashes = 1

[queue short]
lease_ms = %(lease)ds
max_attempts = 1
max_crashes = 1
"""
build = os.path.abspath(sys.argv[1])


class Failed(Exception):
    pass


class Proxy:
    """Hands bytes from one socket of the file system to another."""

    def __init__(self, path, to):
        self.to, self.mode, self.pairs = to, "pass", []
        self.lossy = set()      # sockets whose bytes "losing" throws away
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.run, daemon=True).start()

    def accept(self):
        a, _ = self.listener.accept()
        b = socket.socket(socket.AF_UNIX)
        try:
            b.connect(self.to)
            self.pairs += [(a, b), (b, a)]
            self.lossy.add(b)
        except OSError:
            a.close()

    def close(self, pairs):
        for pair in pairs:
            for end in pair:
                end.close()
        self.pairs = [p for p in self.pairs if p[0].fileno() >= 0]

    def move(self, a, b):
        try:
            data = a.recv(65536)
            if self.mode != "losing" or a not in self.lossy:
                b.sendall(data)
        except OSError:
            data = b""
        if not data:
            self.close([(a, b)])

    def run(self):
        while True:
            if self.mode == "closed":
                self.close(self.pairs)
                time.sleep(0.01)
                continue
            if self.mode == "stalled":
                time.sleep(0.01)
                continue
            ready, _, _ = select.select(
                [self.listener] + [a for a, _ in self.pairs], [], [], 0.02)
            for a in ready:
                if a is self.listener:
                    self.accept()
                    continue
                for b in [q for p, q in self.pairs if p is a]:
                    self.move(a, b)


class Scene:
    def __init__(self, who, seconds):
        self.who, self.seconds = who, seconds
        self.name = "%s, %d s" % (who, seconds)
        self.dir = tempfile.mkdtemp(prefix="spillway-pause.")
        self.ended, self.children = False, []
        # A stopped worker must be back within its lease; what a stopped
        # broker or machine has lost is given back, whatever the lease.
        away = who == "worker" or who.startswith("link ")
        self.lease_s = seconds * 3 + 10 if away else 5

    def start(self, *argv):
        with open("%s/%s.log" % (self.dir, os.path.basename(argv[0])),
                  "ab") as log:
            child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=log, stderr=log,
                bufsize=0, start_new_session=True)
        self.children.append(child)
        return child

    def spillway(self, *words, **more):
        done = subprocess.run(
            (build + "/spillway",) + words + (
                "--broker", self.endpoint, "--broker-timeout",
                "%ds" % DEADLINE_S), capture_output=True, text=True, **more)
        if done.returncode != 0:
            raise Failed("%s: %s" % (" ".join(words), done.stderr.strip()))
        return done.stdout

    def stats(self, queue):
        for line in self.spillway("queues", "--json").splitlines():
            q = json.loads(line)
            if q["queue"] == queue:
                return q["stats"]
        return {}

    def until(self, what, test):
        end = time.monotonic() + DEADLINE_S
        while not test():
            if time.monotonic() > end:
                raise Failed("never came: " + what)
            time.sleep(0.05)

    def put_steadily(self):
        """1,000 jobs a second that no worker takes."""
        producer = self.start(
            build + "/spillway", "put", "beside", "--lines", "-", "--each",
            "--broker", self.endpoint, "--broker-timeout",
            "%ds" % DEADLINE_S)
        lines = b"x\n" * 100
        while not self.ended:
            try:
                producer.stdin.write(lines)
            except OSError:
                return
            time.sleep(0.1)
        producer.stdin.close()

    def put(self, queue, n):
        self.spillway("put", queue, "--lines", "-", "--each",
                      input="x\n" * n)

    def processes(self):
        """Of the worker: itself and all below."""
        found, look = [], [self.worker.pid]
        while look:
            pid = look.pop()
            found.append(pid)
            try:
                with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                    look += [int(p) for p in f.read().split()]
            except OSError:
                pass
        return found

    def victims(self):
        return {"worker": lambda: [self.worker.pid],
                "broker": lambda: [self.broker.pid],
                "both": lambda: [self.worker.pid, self.broker.pid],
                "machine": lambda: self.processes() + [self.broker.pid],
                }[self.who]()

    def link_pause(self, mode):
        self.proxy.mode = mode
        if mode == "losing":
            self.put("short", SHORT)
            self.until("jobs that the link has lost", lambda: self.stats(
                "short").get("leased", 0) > 0)
        time.sleep(self.seconds)
        if mode == "losing":
            self.proxy.mode = "closed"
            self.until("closed links", lambda: not self.proxy.pairs)
        self.proxy.mode = "pass"

    def pause(self):
        if self.who.startswith("link "):
            self.link_pause(self.who.split()[1])
            return
        pids = self.victims()
        for pid in pids:
            kill(pid, signal.SIGSTOP)
        time.sleep(self.seconds)
        for pid in pids:
            kill(pid, signal.SIGCONT)

    def open(self):
        self.endpoint = "ipc://%s/b.sock" % self.dir
        with open(self.dir + "/broker.conf", "w") as f:
            f.write(CONF % {"lease": self.lease_s})
        self.broker = self.start(
            build + "/spillway-broker", "--config", self.dir + "/broker.conf",
            "--data", self.dir + "/data", "--listen", self.endpoint)
        self.until("the broker", lambda: b"ev=ready" in open(
            self.dir + "/spillway-broker.log", "rb").read())
        endpoint = self.endpoint
        if self.who.startswith("link "):
            self.proxy = Proxy(self.dir + "/p.sock", self.dir + "/b.sock")
            endpoint = "ipc://%s/p.sock" % self.dir
        self.worker = self.start(
            build + "/spillway-worker", "--slots", str(SLOTS), "--broker",
            endpoint, "--queue", "long=exec:sleep %d" % (self.seconds // 2),
            "--queue", "short=exec:true")

    def play(self):
        self.open()
        threading.Thread(target=self.put_steadily, daemon=True).start()
        self.put("long", LONG)
        self.until("long jobs that run", lambda: self.stats("long").get(
            "leased", 0) == LONG)
        if self.who != "link losing":
            self.put("short", SHORT)
            self.until("short jobs that are done", lambda: self.stats(
                "short").get("done_total", 0) > 0)
        self.pause()
        for queue, n in (("long", LONG), ("short", SHORT)):
            self.until("the end of the %s jobs" % queue, lambda: sum(
                self.stats(queue)[k] for k in ("done", "dead")) == n)
            stats = self.stats(queue)
            if stats["dead"] or stats["failed_total"]:
                raise Failed("%d of %d %s jobs are dead, %d attempts failed\n%s"
                             % (stats["dead"], n, queue, stats["failed_total"],
                                self.spillway("dead", "list", "queue=" + queue,
                                              "--limit", "1", "--json")))

    def close(self):
        self.ended = True
        for child in self.children:
            child.kill()
            child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self):
        try:
            self.play()
            self.found = None
        except (Failed, OSError) as e:
            self.found = str(e)
            for log in ("broker", "worker"):
                with open("%s/spillway-%s.log" % (self.dir, log)) as f:
                    sys.stderr.write("".join(f.readlines()[-10:]))
        finally:
            self.close()


def kill(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def main():
    whom = os.environ.get("PAUSES")
    whom = whom.split(",") if whom else [
        "worker", "broker", "both", "machine", "link closed", "link stalled",
        "link losing"]
    scenes = [Scene(who, int(s)) for s in sys.argv[2:] for who in whom]
    found = False
    while scenes:
        now, scenes = scenes[:AT_ONCE], scenes[AT_ONCE:]
        threads = [threading.Thread(target=s.run) for s in now]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for s in now:
            print("%s: %s" % (s.name, "FAILED: " + s.found if s.found
                              else "no lease and no attempt lost"))
            found = found or s.found is not None
    return 1 if found else 0


sys.exit(main())
