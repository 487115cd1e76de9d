# SPDX-License-Identifier: MIT
"""torture.py BUILD: kill -9 and SIGSTOP on everything, then the checker.

Three runs: the torture; the checker over its outcome spoiled in each way it
must see; and a short run in whose middle the data folder is replaced by an
older copy, which the checker must call a loss.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import torture_check

WORKERS, PRODUCERS, SLOTS = 3, 3, 10
STUCK_S = int(os.environ.get("DEADLINE_S") or 120)  # without any progress
REWIND_S = 2
# Longer than a lease, and one in four than the patience with a link (3 s).
FREEZES = (1.2, 1.2, 1.2, 3.2)
CONF = """\
[queue work]
lease_ms = 1s
max_attempts = 1000
max_crashes = 1000
backoff_ms = 40
backoff_cap_ms = 300
ageing_ms = 100
retain_done_ms = 7d

[queue next]
lease_ms = 1s
max_attempts = 1000
max_crashes = 1000
backoff_ms = 40
backoff_cap_ms = 300
retain_done_ms = 7d
"""


class Failed(Exception):
    pass


class Process:
    """A program that is started again whenever it has been killed."""

    def __init__(self, kind, name, argv, log):
        self.kind, self.name, self.argv, self.log = kind, name, argv, log
        self.lives = 0
        self.child = None
        self.frozen = False     # stopped for longer than a lease
        self.wake_at = 0        # SIGCONT is due then; 0: it runs
        self.told = False       # to end by itself
        self.start()

    def start(self):
        self.lives += 1
        argv = [a.replace("LIFE", str(self.lives)) for a in self.argv]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log)
        self.wake_at, self.told, self.frozen = 0, False, False

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, seconds):
        self.child.send_signal(signal.SIGSTOP)
        self.wake_at = time.monotonic() + seconds

    def wake(self):
        if self.wake_at:
            self.child.send_signal(signal.SIGCONT)
            self.wake_at, self.frozen = 0, False

    def drain(self):
        self.wake()
        self.child.send_signal(signal.SIGTERM)
        self.told = True


class Torture:
    # weight, what, whom: the nemesis' choice, by its mood.
    MIXED = (
        (5, "kill", "broker"), (8, "kill", "worker"), (5, "kill", "producer"),
        (3, "stop", "broker"), (3, "stop", "worker"), (3, "stop", "producer"),
        (1, "freeze", "broker"), (2, "freeze", "worker"),
        (1, "freeze", "producer"), (1, "drain", "worker"),
        (1, "drain", "broker"), (1, "storm", "broker"), (1, "all", "all"),
    )
    # Jobs must live to be old for their workers' reports to come late.
    COLD = ((10, "freeze", "worker"), (1, "kill", "worker"),
            (1, "kill", "broker"))
    MOODS = (MIXED, MIXED, COLD)
    MOOD_S = 3

    def __init__(self, build, folder, seed):
        self.folder, self.seed = folder, seed
        self.random = random.Random(seed)
        self.counts = {"kill": 0, "stop": 0, "freeze": 0, "drain": 0}
        self.program = build + "/tests/faults/proof_torture"
        os.environ["SPILLWAY_BROKER"] = "ipc://%s/b.sock" % folder
        os.mkdir(folder)
        with open(folder + "/broker.conf", "w") as f:
            f.write(CONF)
        self.processes = []
        self.moods, self.mood, self.mood_ends = [], None, 0
        self.finishing = []     # told to end, and not to be started again
        self.broker = self.add("broker", "broker", [
            build + "/spillway-broker", "--config", folder + "/broker.conf",
            "--data", folder + "/data",
            "--listen", os.environ["SPILLWAY_BROKER"]])
        job = "exec:%s job %s/effects" % (self.program, folder)
        for i in range(WORKERS):
            self.add("worker", "w%d" % i, [
                build + "/spillway-worker", "--name", "w%d.LIFE" % i,
                "--slots", str(SLOTS), "--grace", "300ms",
                "--queue", "work=" + job, "--queue", "next=" + job])
        for i in range(PRODUCERS):
            self.add("producer", "p%d" % i, [
                self.program, "produce", "%s/p%d.journal" % (folder, i),
                str(seed), str(i)])

    def add(self, kind, name, argv):
        p = Process(kind, name, argv, "%s/%s.log" % (self.folder, name))
        self.processes.append(p)
        return p

    def of(self, kind):
        return [p for p in self.processes if p.kind == kind]

    def kill_and_start(self, processes):
        for p in processes:
            p.kill()
        for p in processes:
            p.start()
        self.counts["kill"] += len(processes)

    def choose(self):
        if time.monotonic() > self.mood_ends:
            self.moods = self.moods or self.random.sample(
                self.MOODS, len(self.MOODS))
            self.mood = self.moods.pop()
            self.mood_ends = time.monotonic() + self.MOOD_S
        return self.random.choices(self.mood, [f[0] for f in self.mood])[0]

    def fault(self):
        _, what, kind = self.choose()
        if what == "all":
            self.kill_and_start(self.processes)
            return
        # Who is frozen stays so: most of its late reports need that.
        awake = [p for p in self.of(kind) if not p.frozen]
        # Someone has to take over from a frozen worker.
        if not awake or ((what, kind) == ("freeze", "worker") and
                         len(awake) == 1):
            return
        p = self.random.choice(awake)
        if what == "kill":
            self.kill_and_start([p])
            return
        if what == "storm":     # most lives end before they serve
            for _ in range(5):
                self.kill_and_start([p])
                time.sleep(self.random.uniform(0, 0.06))
            return
        self.counts[what] += 1
        if what == "stop":
            p.stop(self.random.uniform(0.02, 0.5))
        elif what == "freeze":  # longer than a lease
            p.stop(self.random.choice(FREEZES) + self.random.random())
            p.frozen = True
        else:
            p.drain()

    def tend(self):
        """Wakes who has been stopped for long enough, starts who is gone."""
        now = time.monotonic()
        for p in self.processes:
            if p.wake_at and now >= p.wake_at:
                p.wake()
            if p.child.poll() is None:
                continue
            status = p.child.returncode
            too_early = status == -signal.SIGTERM   # to have a handler yet
            if not p.told or (status != 0 and not too_early):
                raise Failed("%s ended by itself, status %d" % (
                    p.name, status))
            if p not in self.finishing or too_early:
                p.start()

    def run(self, seconds):
        end = time.monotonic() + seconds
        next_at = time.monotonic() + 0.3
        while time.monotonic() < end:
            self.tend()
            if time.monotonic() >= next_at:
                self.fault()
                next_at += self.random.uniform(0.02, 0.3)
            time.sleep(0.01)

    def left(self):
        """Jobs that have not ended; None: the broker does not answer yet."""
        try:
            return sum(s["delayed"] + s["ready"] + s["leased"] for s in (
                q["stats"] for q in torture_check.ask("queues")))
        except subprocess.CalledProcessError:
            return None

    def progress(self):
        effects = self.folder + "/effects"
        size = os.path.getsize(effects) if os.path.exists(effects) else 0
        return (size, self.left(), sum(
            p.child.poll() is None for p in self.of("producer")))

    def settle(self):
        """Ends the faults and waits until everything has come to its end."""
        for p in self.processes:
            p.wake()
        self.tend()
        self.finishing = self.of("producer")
        for p in self.finishing:
            p.drain()
        was, since = None, time.monotonic()
        while was is None or was[1] != 0 or was[2] != 0:
            now = self.progress()
            if now != was:
                was, since = now, time.monotonic()
            if time.monotonic() > since + STUCK_S:
                raise Failed("stuck: %s jobs left, %d producers" % was[1:])
            time.sleep(0.05)
            self.tend()
            for p in self.finishing:
                if not p.told:
                    p.drain()

    def world(self):
        w = torture_check.World()
        w.files_read(self.folder, self.program)
        w.broker_read()
        return w

    def lines(self, word):
        n = 0
        for p in self.of("producer"):
            with open("%s/%s.journal" % (self.folder, p.name)) as f:
                n += sum(line.startswith(word) for line in f)
        return n

    def rewind(self):
        """The data folder as it was some confirmed jobs ago."""
        data, old = self.folder + "/data", self.folder + "/old"
        self.broker.kill()
        shutil.copytree(data, old)
        self.broker.start()
        enough = self.lines("ok ") + 100
        end = time.monotonic() + STUCK_S
        while self.lines("ok ") < enough:
            if time.monotonic() > end:
                raise Failed("stuck: nothing is confirmed")
            self.tend()
            time.sleep(0.05)
        self.broker.kill()
        shutil.rmtree(data)
        os.rename(old, data)
        self.broker.start()

    def close(self):
        for p in self.processes:
            p.kill()


def finish_rooms(world):
    """Removes the jobs' working folders that killed workers have left."""
    rooms = {words[3] for words in world.effects if words[0] == "run"}
    left = [r for r in rooms if os.path.isdir(r)]
    for room in left:
        shutil.rmtree(room, ignore_errors=True)
    return len(left)


def torture(build, folder, seed, seconds):
    t = Torture(build, folder, seed)
    try:
        t.run(seconds)
        t.settle()
        return t, t.world()
    finally:
        t.close()


def rewound(build, folder, seed):
    """A broker that has lost confirmed jobs; the world it leaves."""
    t = Torture(build, folder, seed)
    try:
        t.run(REWIND_S / 2)
        for p in t.processes:
            p.wake()
        t.rewind()
        t.run(REWIND_S / 2)
        t.settle()
        return t.world()
    finally:
        t.close()


def check(found, what):
    if not found:
        return
    for line in found[:20]:
        print(line)
    raise Failed("%s: %d faults" % (what, len(found)))


def main(build, folder):
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    seconds = float(os.environ["TORTURE_S"])
    print("SEED=%d TORTURE_S=%g" % (seed, seconds), flush=True)
    t, w = torture(build, folder + "/run", seed, seconds)
    rooms = finish_rooms(w)
    check(torture_check.faults(w), "torture")
    n = 0
    for what, seen in torture_check.controls(w):
        check(["not seen: " + what] if seen is False else [], "control")
        if seen is None:
            print("no job to plant this in:", what)
        n += seen is True
    check([] if n > 0 else ["no fault could be planted"], "control")
    lost = rewound(build, folder + "/rewound", seed)
    finish_rooms(lost)
    lost = sum(f.startswith("lost") for f in torture_check.faults(lost))
    check([] if lost else ["not seen: an older copy of the data"], "control")
    ok = sum(words[0] == "ok" for words in w.journal)
    print("%(kill)d kills, %(stop)d stops, %(freeze)d freezes beyond the lease,"
          " %(drain)d drains:" % t.counts,
          "%d jobs confirmed, lost 0, twice 0;" % ok,
          "%d late reports refused," % torture_check.stale_reports(w),
          "%d folders left by killed workers;" % rooms,
          "%d planted faults and a rewound store found (%d lost)," % (n, lost),
          "seed %d" % seed)


def start(build):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    build = os.path.abspath(build)
    os.environ["PATH"] = build + ":" + os.environ["PATH"]
    folder = tempfile.mkdtemp(prefix="spillway-torture.")
    try:
        main(build, folder)
        shutil.rmtree(folder)
        return 0
    except (Failed, subprocess.CalledProcessError) as e:
        print("FAILED:", e)
        print("Journals, effects, logs and data:", folder)
        print("The same faults again: make torture SEED=… TORTURE_S=…,"
              " as above; processes do not run the same twice, so try often")
        return 1


if __name__ == "__main__":
    sys.exit(start(sys.argv[1]))
