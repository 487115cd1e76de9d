#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attacks a real broker over tcp and ipc, with sockets of our own.

    hostile.py BUILD FOLDER tcp|ipc

Each attack is a function of a Target.  While it goes on an honest producer
puts a job, a worker runs it and the producer reads its result, again and
again; afterwards the broker's largest size, its processor time and its open
files are looked at.  Nothing here speaks ZeroMQ but the lines below do.
"""
import contextlib, os, random, resource, signal, socket, struct, subprocess, sys, threading, time
from pathlib import Path

LINK_MEMORY = os.environ.get("HOSTILE_LINK_MEMORY") or "64m"
RSS_MAX_MB = 350      # link memory, what comes before the broker looks, itself
IDLE_SHARE = 0.3      # of one processor, in the second after an attack
LOG_MAX = 4 << 20
WAIT_S = int(os.environ["DEADLINE_S"])  # for any state that has to come: tests/lib/e2e_lib.sh
SEED = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
N = float(os.environ.get("HOSTILE_N") or 1)
CORPUS = Path(__file__).resolve().parent.parent / "corpus" / "msg"
ATTACKS = []


class Failed(Exception):
    pass


def attack(small_files=False):
    def enter(function):
        function.files = 64 if small_files else None
        ATTACKS.append(function)
        return function
    return enter


def many(n):
    return max(1, int(n * N))


def until(what, state, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not state():
        if time.monotonic() > end:
            raise Failed(f"never true: {what}")
        time.sleep(0.02)


# --- ZMTP, as far as an attacker needs it -------------------------------------

def greeting(minor=0, mechanism=b"NULL"):
    return (b"\xff" + bytes(8) + b"\x7f\x03" + bytes([minor]) +
            mechanism.ljust(20, b"\0") + bytes(32))


def frame(body, flags=0):
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def ready(kind=b"DEALER", **more):
    body = b"\x05READY"
    for name, value in {"Socket-Type": kind, **more}.items():
        body += bytes([len(name)]) + name.encode() + struct.pack(">I", len(value)) + value
    return frame(body, 4)


def hello(kind=b"DEALER"):
    return greeting() + ready(kind)


def item(**fields):
    tags = dict(id=1, queue=2, body=3)
    raw = b"".join(struct.pack("<I", tags[k] | len(v) << 8) + v for k, v in fields.items())
    return struct.pack("<I", len(raw)) + raw


def message(op, seq, *items):
    return struct.pack("<HBBHHQ", 0x5753, 1, op, 0, len(items), seq) + b"".join(items)


def swallow(s):
    """Takes what has come; False at the end of the connection."""
    s.setblocking(False)
    try:
        while True:
            if not s.recv(1 << 16):
                return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            s.settimeout(WAIT_S)


def push(s, data):
    """Sends, reading nothing; False if the broker would not have it."""
    try:
        s.sendall(data)
        return True
    except OSError:
        return False


def take(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise ConnectionError("the broker hung up")
        got += more
    return got


def answer(s):
    """The next message; meanwhile heartbeats are returned."""
    while True:
        flags, n = take(s, 2)
        body = take(s, struct.unpack(">Q", bytes([n]) + take(s, 7))[0] if flags & 2 else n)
        if not flags & 4:
            return body
        if body.startswith(b"\x04PING"):
            push(s, frame(b"\x04PONG" + body[7:], 4))


def reset(s):
    with contextlib.suppress(OSError):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


# --- the broker and those who mean well ---------------------------------------

class Target:
    """A broker, a worker and the figures of /proc."""

    def __init__(self, build, folder, scheme, files):
        self.bin, self.dir, self.pids = build, Path(folder), []
        self.dir.mkdir()
        self.address = str(self.dir / "b.sock")
        self.endpoint = f"ipc://{self.address}" if scheme == "ipc" else "tcp://127.0.0.1:0"
        self.env = dict(os.environ, TMPDIR=folder)
        self.log = self.dir / "broker.log"
        self.broker = self.start(self.log, files, "spillway-broker", "--data",
                                 str(self.dir / "data"), "--listen", self.endpoint,
                                 "--link-memory", LINK_MEMORY)
        until("the broker is ready", lambda: b"ev=ready" in self.log.read_bytes())
        if scheme == "tcp":
            self.address = ("127.0.0.1", port_of(self.broker.pid))
            self.endpoint = "tcp://%s:%d" % self.address
        self.env["SPILLWAY_BROKER"] = self.endpoint
        self.start(self.dir / "worker.log", None, "spillway-worker", "--slots", "2",
                   "--queue", 'honest=exec:sh -c "echo result $(cat) >&3"')
        self.calm_files = self.files()

    def start(self, log, files, program, *args):
        env = dict(self.env)
        if program == "spillway-broker" and os.environ.get("HOSTILE_PRELOAD"):
            env["LD_PRELOAD"] = os.environ["HOSTILE_PRELOAD"]

        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        with open(log, "ab") as f:
            p = subprocess.Popen([f"{self.bin}/{program}", *args], stderr=f,
                                 stdout=f, env=env, preexec_fn=limit)
        self.pids.append(p)
        return p

    def stop(self):
        for p in self.pids:
            p.kill()
            p.wait()

    def knock(self):
        """One try; None if nobody opens."""
        s = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        s.settimeout(WAIT_S)
        try:
            s.connect(self.address)
            return s
        except OSError:
            s.close()
            return None

    def connect(self):
        end = time.monotonic() + WAIT_S
        while not (s := self.knock()):  # a full backlog, or links are being closed
            self.alive()
            if time.monotonic() > end:
                raise Failed("nobody listens")
            time.sleep(0.005)
        return s

    def link(self, kind=b"DEALER"):
        """Through the handshake: the broker takes messages after its READY only."""
        end = time.monotonic() + WAIT_S
        while True:
            s = self.connect()
            try:
                s.sendall(hello(kind))
                take(s, 64)
                take(s, take(s, 2)[1])
                return s
            except OSError as e:
                s.close()
                if time.monotonic() > end:
                    raise Failed(f"no handshake: {e}")

    def status(self, name):
        for line in Path(f"/proc/{self.broker.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        raise Failed("the broker is gone")

    def cpu_s(self):
        fields = Path(f"/proc/{self.broker.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        return len(os.listdir(f"/proc/{self.broker.pid}/fd"))

    def alive(self):
        if self.broker.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise Failed(f"the broker ended with {self.broker.returncode}:\n{tail}")

    def forget_peak(self):
        Path(f"/proc/{self.broker.pid}/clear_refs").write_text("5")

    def is_idle(self):
        before, at = self.cpu_s(), time.monotonic()
        time.sleep(0.25)
        self.alive()
        self.share = (self.cpu_s() - before) / (time.monotonic() - at)
        return self.share < IDLE_SHARE

    def spillway(self, *args, stdin=None):
        return subprocess.run([f"{self.bin}/spillway", *args], env=self.env, input=stdin,
                              capture_output=True, timeout=2 * WAIT_S)


def port_of(pid):
    """Where it listens: the kernel has chosen, so that nobody else can have it."""
    own = {os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in own:  # LISTEN
            return int(words[1].partition(":")[2], 16)
    raise Failed("the broker listens nowhere")


class Honest(threading.Thread):
    """Puts a job and waits for its result, until told to stop."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.served, self.error, self.over = target, 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set() and not self.error:
            word = f"w{self.served}"
            try:
                got = self.target.spillway("put", "honest", word, "--wait-for", f"{WAIT_S}s",
                                           "--broker-timeout", f"{WAIT_S}s")
                if got.returncode or got.stdout.decode().split()[-1:] != [word]:
                    self.error = f"{got.returncode} {got.stdout} {got.stderr}"
                self.served += 1
            except subprocess.TimeoutExpired:
                self.error = f"no answer within {2 * WAIT_S} s"

    def stop(self):
        self.over.set()
        self.join()
        if self.error:
            raise Failed(f"an honest client was not served: {self.error}")


# --- attacks ------------------------------------------------------------------

@attack()
def garbage(t, rng):
    """Random bytes, some behind a sound greeting; half hang up, half stay."""
    left = []
    for i in range(many(400)):
        s = t.connect()
        start = (b"", greeting(), hello(), greeting(1) + ready())[i % 4]
        push(s, start + rng.randbytes(rng.choice((1, 9, 64, 1000, 20000))))
        left.append(s) if i % 2 else reset(s)
    for s in left:
        s.close()


@attack()
def zmtp1(t, rng):
    """Peers of ZMTP 1.0 and 2.0, who name themselves and send what they like."""
    sound = message(14, 1)
    left = []
    for i in range(many(300)):
        s = t.connect()
        name = rng.choice((b"", b"worker", b"x" * 200, rng.randbytes(5)))
        if i % 3 == 0:      # 2.0: signature, revision, socket type
            push(s, b"\xff" + bytes(8) + b"\x7f\x01\x05" + frame(name))
            out = frame(sound) + frame(rng.randbytes(rng.randrange(300)))
        else:
            push(s, bytes([1 + len(name), 0]) + name)
            out = bytes([1 + len(sound), 0]) + sound
            out += bytes([1 + 100, i & 1]) + rng.randbytes(100)
        for _ in range(5):
            push(s, out)
        left.append(s)
    for s in left:
        s.close()


@attack()
def half_open(t, rng):
    """Two thousand connected and silent, or in the middle of a handshake."""
    whole, left = hello(), []
    for i in range(many(2000)):
        s = t.connect()
        left.append(s)
        push(s, whole[:rng.randrange(len(whole))] if i % 4 == 0 else b"")
    until("silent peers are hung up on", lambda: not any(map(swallow, left)))
    for s in left:
        s.close()


@attack()
def huge(t, rng):
    """Lengths that nobody can mean, before and after the handshake."""
    for flags in (2, 3, 6, 2 | 128):
        for n in (1 << 63, (1 << 63) - 1, (1 << 64) - 1, 1 << 40, 1 << 32, (2 << 20) + 1):
            head = bytes([flags]) + struct.pack(">Q", n)
            for s, start in (t.connect(), greeting()), (t.connect(), hello()), (t.link(), b""):
                push(s, start + head + bytes(70000))
                until("a huge frame ends the link", lambda: not swallow(s))
                s.close()


@attack()
def heavy(t, rng):
    """Frames of 100 MB, really sent, as message and as command."""
    block = bytes(1 << 20)
    for flags in (2, 3, 6):
        for s, start in (t.connect(), greeting()), (t.link(), b""):
            push(s, start + bytes([flags]) + struct.pack(">Q", 100 << 20))
            sent = 0
            while sent < 100 and push(s, block):
                sent += 1
            s.close()
            if sent == 100:
                raise Failed("a frame of 100 MB was taken")


@attack()
def multipart(t, rng):
    """A message of ever more frames, of which each is small enough."""
    for size, most in (65536, 800 << 20), (1 << 20, 400 << 20), (0, 40 << 20):
        s = t.link()
        piece, sent = frame(bytes(size), 1), 0
        piece *= max(1, (1 << 20) // len(piece))
        while sent < many(most) and push(s, piece):
            sent += len(piece)
            swallow(s)
            t.alive()
        s.close()


@attack()
def mutated(t, rng):
    """Sound frames with messages that are nearly right."""
    seeds = [p.read_bytes() for p in sorted(CORPUS.iterdir())]
    links = [t.link() for _ in range(4)]
    for i in range(many(8000)):
        raw = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(4)):
            raw[rng.randrange(len(raw))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        if rng.randrange(4) == 0:
            raw[3] = rng.randrange(256)
        if rng.randrange(8) == 0:
            del raw[rng.randrange(len(raw)):]
        if rng.randrange(8) == 0:
            raw += rng.randbytes(rng.randrange(2000))
        s = rng.choice(links)
        if not push(s, frame(bytes(raw))):
            raise Failed("a mutated message broke the link")
        if not swallow(s):
            raise Failed("the broker hung up on a sound frame")
    for s in links:
        reset(s)


@attack()
def types(t, rng):
    """Every other kind of socket, and what such a socket would send."""
    kinds = (b"REQ ROUTER REP PUB SUB XPUB XSUB PUSH PULL PAIR STREAM SERVER CLIENT "
             b"GATHER nonsense").split() + [b"", b"D" * 250]
    for i in range(many(3)):
        for kind in kinds:
            s = t.connect()
            push(s, hello(kind))
            push(s, frame(b"", 1) + frame(message(14, 7)))
            push(s, frame(b"\x01") + frame(b"\x09SUBSCRIBE", 4) + frame(b"\x04PING\0\1", 4))
            push(s, frame(b"\x05ERROR\x03bad", 4) + frame(b"\x05READY", 4))
            reset(s) if i & 1 else s.close()


@attack()
def slow(t, rng):
    """Peers who ask for much and never take an answer."""
    ids = [rng.randbytes(16) for _ in range(7)]
    s = t.link()
    push(s, b"".join(frame(message(1, i, item(
        id=id, queue=b"large", body=bytes(131072)))) for i, id in enumerate(ids)))
    until("large jobs are stored",
          lambda: [b"large", b"7"] in [q.split()[:2] for q in t.spillway("queues").stdout.splitlines()])
    ask = frame(message(7, 9, *(item(id=id) for id in ids)))
    links = [t.link() for _ in range(10)]
    for k in links:
        k.settimeout(0.5)
        for _ in range(many(300)):
            if not push(k, ask):
                break
    until("requests are taken", t.is_idle)
    for k in links + [s]:
        k.close()


@attack()
def storm(t, rng):
    """Come and gone, thousands of times, at every point of a conversation."""
    whole = hello() + frame(message(14, 1)) + frame(message(13, 2))
    for i in range(many(1500)):
        s = t.connect()
        push(s, whole[:rng.choice((0, 10, 64, len(whole), len(whole)))])
        reset(s) if rng.randrange(2) else s.close()


@attack(small_files=True)
def files(t, rng):
    """More connections than the broker may open files."""
    left = [t.link()]
    left += filter(None, (t.knock() for _ in range(many(300))))
    for s in left[1:]:
        push(s, hello())
    until("the broker has no file left", lambda: t.files() >= 63)
    for i in range(20):
        push(left[0], frame(message(1, i, item(id=rng.randbytes(16), queue=b"early", body=b"x"))))
        if answer(left[0])[3] != 1 | 128:
            raise Failed("who had a connection was refused")
    until("a broker short of files goes idle", t.is_idle)
    for s in left:
        s.close()


# --- one after the other ------------------------------------------------------

def judge(t, name):
    """What must hold after an attack; returns its largest size in MB."""
    t.alive()
    peak = t.status("VmHWM")
    until(f"idle after {name}", t.is_idle)
    until(f"files closed after {name}", lambda: t.files() <= t.calm_files + 12)
    if peak > RSS_MAX_MB:
        raise Failed(f"{name}: {peak:.0f} MB, more than {RSS_MAX_MB}")
    if t.log.stat().st_size > LOG_MAX:
        raise Failed(f"{name}: the log grew to {t.log.stat().st_size} bytes")
    return peak


def run(build, folder, scheme, attacks, peaks):
    t, served = Target(build, folder, scheme, attacks[0].files), 0
    try:
        for a in attacks:
            began, cpu = time.monotonic(), t.cpu_s()
            t.forget_peak()
            honest = Honest(t)
            try:
                a(t, random.Random(f"{SEED} {a.__name__} {scheme}"))
                until("the honest client is served", lambda: honest.served or honest.error)
            finally:
                t.alive()
                honest.stop()
            peaks[a.__name__] = judge(t, a.__name__)
            served += honest.served
            print(f"  {scheme} {a.__name__}: {peaks[a.__name__]:.0f} MB, "
                  f"{time.monotonic() - began:.1f} s, processor {t.cpu_s() - cpu:.1f} s, "
                  f"{honest.served} honest jobs", file=sys.stderr)
    finally:
        t.stop()
    return served


def main(build, folder, scheme):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    names = os.environ.get("HOSTILE", "").split(",")
    wanted = [a for a in ATTACKS if a.__name__ in names or names == [""]]
    if not wanted:
        raise Failed("there is no attack of these names")
    served, peaks = 0, {}
    for few in (None, 64):
        group = [a for a in wanted if a.files == few]
        if group:
            served += run(build, f"{folder}/{few}", scheme, group, peaks)
    print(f"{len(peaks)} attacks over {scheme}: {served} honest jobs served, "
          f"at most {max(peaks.values()):.0f} MB; SEED={SEED}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Failed, OSError, subprocess.SubprocessError) as e:
        sys.exit(f"FAILED over {sys.argv[3]}: {e}\nSEED={SEED}, to see it again: "
                 f"SEED={SEED} make hostile")
