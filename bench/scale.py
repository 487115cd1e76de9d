#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What many queues, many lanes and a cold search cost the broker.

    scale.py BUILD      SCALE=100 makes all of it a hundred times smaller

Each row has a broker of its own, on the disk that BUILD is on.  Puts are messages of 99 jobs, 16
of them in flight, or of one job, 32 in flight; their rate is of the wall clock and of the broker's
processor time, for a Python producer takes time of its own.
"""
import os, shutil, signal, struct, subprocess, sys, tempfile, time
import zmq

BUILD, SCALE = sys.argv[1], int(os.environ.get("SCALE", "1"))
BODY = b"x" * 256
BATCHES, SINGLE = (99, 16), (1, 32)  # jobs of a message, messages in flight
PUT, QUEUE_SET, LIST, STATS = 1, 12, 9, 15
ID, QUEUE, BODY_TAG, STATUS, STATE, FAIR, CURSOR, MATCH, EXPIRES = 1, 2, 3, 4, 6, 13, 41, 47, 10


def field(tag, value):
    raw = struct.pack("<q", value) if isinstance(value, int) else value
    return struct.pack("<I", tag | len(raw) << 8) + raw


class Broker:
    def __init__(self, folder=None):
        self.dir = folder or tempfile.mkdtemp(prefix="scale.", dir=BUILD)
        at = f"ipc://{self.dir}/s"
        self.log = open(f"{self.dir}/log", "ab")
        self.process = subprocess.Popen([f"{BUILD}/spillway-broker", "--data", f"{self.dir}/data",
            "--listen", at], stderr=self.log)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(at)
        self.seq = 0
        self.ask(STATS)

    def send(self, op, *items):
        self.seq += 1
        head = struct.pack("<HBBHHQ", 0x5753, 1, op, 0, len(items), self.seq)
        self.socket.send(head + b"".join(struct.pack("<I", len(i)) + i for i in items))

    def answer(self):
        """The items of an answer, each its fields by tag."""
        frame, items, at = self.socket.recv(), [], 16
        while at < len(frame):
            end = at + 4 + struct.unpack_from("<I", frame, at)[0]
            item, at = {}, at + 4
            while at < end:
                word = struct.unpack_from("<I", frame, at)[0]
                item.setdefault(word & 255, frame[at + 4:at + 4 + (word >> 8)])
                at += 4 + (word >> 8)
            items.append(item)
        return items

    def ask(self, op, *items):
        self.send(op, *items)
        return self.answer()

    def cpu_s(self):
        ticks = open(f"/proc/{self.process.pid}/stat").read().rsplit(") ")[1].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def own_mb(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(status.split("RssAnon:")[1].split()[0]) / 1024

    def stop(self, remove=True):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.socket.close()
        if remove:
            shutil.rmtree(self.dir)


def check(items):
    for item in items:
        if struct.unpack("<q", item[STATUS])[0] != 0:
            sys.exit(f"scale: a put was refused: {item}")


def fill(broker, queues, keys, jobs, sizes):
    """Puts the jobs round the queues and, in each, round the keys; jobs/s and jobs/CPU second."""
    batch, most = sizes
    names = [field(QUEUE, b"q%d" % q) for q in range(queues)]
    fair = [field(FAIR, b"k%d" % k) for k in range(keys)] if keys > 0 else [b""]
    body, flight = field(BODY_TAG, BODY), 0
    began, cpu, now = time.monotonic(), broker.cpu_s(), int(time.time() * 1000)
    for first in range(0, jobs, batch):
        random = os.urandom(16 * batch)
        stamp = ((now + first // 1000) << 80 | 7 << 76 | 2 << 62).to_bytes(16, "big")[:7]
        broker.send(PUT, *(field(ID, stamp + random[16 * i:16 * i + 9]) + names[n % queues] +
            fair[n // queues % len(fair)] + body
            for i, n in enumerate(range(first, min(first + batch, jobs)))))
        flight += 1
        if flight == most:
            check(broker.answer())
            flight -= 1
    for _ in range(flight):
        check(broker.answer())
    return jobs / (time.monotonic() - began), jobs / max(0.01, broker.cpu_s() - cpu)


def row(label, queues, keys, jobs, sizes=BATCHES):
    broker = Broker()
    wall, cpu = fill(broker, queues, keys, jobs, sizes)
    print(f"| {label} | {sizes[0]} | {jobs:,} | {wall:,.0f} | {cpu:,.0f} | "
        f"{broker.own_mb():.0f} |", flush=True)
    broker.stop()
    return wall, cpu


def idle(queues):
    """What a queue costs that has nothing but its name and one setting."""
    broker = Broker()
    before = broker.own_mb()
    for first in range(0, queues, 100):
        check(broker.ask(QUEUE_SET, *(field(QUEUE, b"idle%d" % q) + field(43, b"weight=1")
            for q in range(first, min(first + 100, queues)))))
    print(f"{queues:,} idle queues: {(broker.own_mb() - before) * 1024 * 1024 / queues:.0f} bytes "
        "of own memory each")
    broker.stop()


def put_ms(broker):
    asked = time.monotonic()
    check(broker.ask(PUT, field(ID, os.urandom(16)) + field(QUEUE, b"q") + field(BODY_TAG, BODY)))
    return (time.monotonic() - asked) * 1000


def waits_print(label, waits):
    waits.sort()
    print(f"{label}: median {waits[len(waits) // 2]:.1f} ms, "
        f"p99 {waits[len(waits) * 99 // 100]:.1f} ms, most {waits[-1]:.1f} ms")


def cold(jobs):
    """How long a put waits beside a search of dead jobs that no cache has."""
    broker, large = Broker(), field(QUEUE, b"dead") + field(BODY_TAG, b"y" * 128 * 1024)
    for n in range(jobs):
        check(broker.ask(PUT, field(ID, os.urandom(16)) + large + field(EXPIRES, 1)))
    broker.stop(remove=False)
    with open(f"{broker.dir}/data/data.mdb", "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    broker = Broker(broker.dir)
    alone, beside = [put_ms(broker) for _ in range(1 + jobs // 2)], []
    search, cursor, pages, began = Broker.__new__(Broker), None, 0, time.monotonic()
    search.socket, search.seq = zmq.Context.instance().socket(zmq.DEALER), 0
    search.socket.connect(f"ipc://{broker.dir}/s")
    while pages == 0 or cursor is not None:
        search.send(LIST, field(STATE, 5) + field(MATCH, b"no such text") +
            (field(CURSOR, cursor) if cursor else b""))
        while not search.socket.poll(0):
            beside.append(put_ms(broker))
        cursor, pages = search.answer()[0].get(CURSOR), pages + 1
    print(f"a search of {jobs:,} dead jobs of 128 KB, cold: {time.monotonic() - began:.1f} s in "
        f"{pages} pages")
    waits_print(f"{len(beside):,} puts beside it", beside)
    waits_print(f"{len(alone):,} puts before it", alone)
    search.socket.close()
    broker.stop()


print("| queues, keys | jobs a message | jobs | puts/s | ... by processor time | own memory, MB |")
print("|---|---|---|---|---|---|")
for sizes, jobs in ((BATCHES, 1024000), (SINGLE, 256000)):
    one = row("1, 256", 1, 256, jobs // SCALE, sizes)
    many = row("4,000, 256", 4000 // SCALE, 256, jobs // SCALE, sizes)
    print(f"| ... of one queue, % | | | {100 * many[0] / one[0]:.0f} | "
        f"{100 * many[1] / one[1]:.0f} | |")
row("10,000, none", 10000 // SCALE, 0, 1000000 // SCALE)
idle(100000 // SCALE)
cold(4000 // SCALE)
