#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Spillway client, written from docs/protocol.md alone.  Needs pyzmq.

    spillway.py put QUEUE BODY | get ID | wait ID | dead [QUEUE]
    spillway.py work QUEUE [N]      upper-cases bodies: N jobs, or for ever
The broker is $SPILLWAY_BROKER.  As a library: class Spillway."""
import contextlib, itertools, os, queue, random, socket, struct, sys, threading, time, uuid, zmq

OPS = {name: op for op, name in enumerate("""put hello want done extend cancel get wait list
    redrive purge queue-set queues workers stats why bye""".split(), 1)}
JOBS, STOP, ERROR, REPLY, SESSION, FULL, TIMEOUT = 64, 65, 255, 128, -5015, -5004, -5019
ACK, RETRY, FAIL, RELEASE, STOPPED = 1, 2, 3, 4, 5
# By tag, from 1 on.  $ text, % bytes, @ id, & item, else int; * may come many times.
FIELDS = """id@ queue$ body% status detail$ state priority delay_ms run_at_ms expires_at_ms
    unique% unique_also fair$ max_attempts timeout_ms headers$* content_type$ token attempt crashes
    created_at_ms ended_at_ms outcome cause error% result% exit_code signal cpu_ms rss_kb follow&*
    events&* at_ms worker$ weight slots credit lease_ms progress text$ cursor% limit settings$*
    stats$* since_ms until_ms match% rate offset count kind rank keep_until_ms duration_ms begun
    releases lapses output% warnings$*""".split()
TAGS = {f.rstrip("$%@&*"): tag for tag, f in enumerate(FIELDS, 1)}
TYPES = {"$": (str.encode, bytes.decode), "%": (bytes, bytes),
         "@": (lambda v: uuid.UUID(v).bytes, lambda b: str(uuid.UUID(bytes=b))),
         "&": (lambda v: pack_fields(v), lambda b: unpack_fields(b))}
INT = (lambda v: struct.pack("<q", v), lambda b: struct.unpack("<q", b)[0])

class Refused(Exception): pass    # args: the broker's error number and text
class Permanent(Exception): pass  # for a handler to raise: never again
def pack_fields(item):
    out = b""
    for name, value in item.items():
        field = FIELDS[TAGS[name] - 1]
        for v in value if field[-1] == "*" else [value]:
            raw = TYPES.get(field.rstrip("*")[-1], INT)[0](v)
            out += struct.pack("<I", TAGS[name] | len(raw) << 8) + raw
    return out

def unpack_fields(raw):
    item, at = {}, 0
    while at < len(raw):
        word, = struct.unpack_from("<I", raw, at)
        tag, start, at = word & 255, at + 4, at + 4 + (word >> 8)
        if tag > len(FIELDS):
            continue  # of a later version
        field = FIELDS[tag - 1]
        name, value = field.rstrip("$%@&*"), TYPES.get(field.rstrip("*")[-1], INT)[1](raw[start:at])
        item[name] = item.get(name, []) + [value] if field[-1] == "*" else value
    return item

def unpack(frame):
    (op, count, seq), at, items = struct.unpack_from("<xxxBxxHQ", frame), 16, []
    for _ in range(count):
        start, at = at + 4, at + 4 + struct.unpack_from("<I", frame, at)[0]
        items.append(unpack_fields(frame[start:at]))
    return op, seq, items

def uuid7(t=[0]):  # milliseconds and a counter: each sorts behind the one before
    t[0] = max(t[0] + 1, int(time.time() * 1000) << 12)
    bits = 7 << 76 | 2 << 62 | random.getrandbits(62)  # version, variant
    return str(uuid.UUID(int=t[0] >> 12 << 80 | t[0] % 4096 << 64 | bits))

class Spillway:  # one connection, for one thread
    def __init__(self, endpoint=None):
        self.sock, self.seqs = zmq.Context.instance().socket(zmq.DEALER), itertools.count(1)
        for option in (zmq.LINGER, zmq.HEARTBEAT_IVL, zmq.HEARTBEAT_TIMEOUT):
            self.sock.setsockopt(option, 2000)  # ms
        self.sock.connect(endpoint or os.environ["SPILLWAY_BROKER"])

    def send(self, op, *items, seq=None):
        seq = seq or next(self.seqs)
        raw = [pack_fields(i) for i in items]
        head = struct.pack("<HBBHHQ", 0x5753, 1, OPS[op], 0, len(raw), seq)
        self.sock.send(head + b"".join(struct.pack("<I", len(r)) + r for r in raw))
        return seq

    def call(self, op, *items, timeout=30, again=2):
        """Asks until there is an answer: every request may be said twice."""
        end, seq = time.monotonic() + timeout, None
        while (now := time.monotonic()) < end:
            seq = self.send(op, *items, seq=seq)
            while self.sock.poll(1000 * max(0, min(now + again, end) - time.monotonic())):
                got, to, reply = unpack(self.sock.recv())
                over = reply and reply[0].get("status") == TIMEOUT  # a wait, not the job: again
                if to == seq and got in (ERROR, OPS[op] + REPLY) and not over:
                    if reply and reply[0].get("status"):
                        raise Refused(reply[0]["status"], reply[0].get("detail", op))
                    return reply
        raise TimeoutError("no answer: the outcome is unknown")

    def put(self, queue, body, **fields):
        self.call("put", job := dict(id=uuid7(), queue=queue, body=body) | fields)
        return job["id"]

    def get(self, id, op="get", **how):
        return self.call(op, dict(id=id), **how)[0]

    def wait(self, id, timeout=3600):
        return self.get(id, "wait", timeout=timeout, again=10)

    def dead(self, *queue, cursor=True):
        while cursor:
            page = dict(zip(["queue"], queue)) | ({} if cursor is True else dict(cursor=cursor))
            head, *jobs = self.call("list", page)
            yield from jobs
            cursor = head.get("cursor")

    def work(self, queues, handler, jobs=float("inf")):
        """Runs handler(job), one job at a time, until `jobs` of them are done.  While jobs are
        short, more of them are leased ahead."""
        hello = [dict(worker=f"{socket.gethostname()}:{os.getpid()}", slots=1)]
        hello += [dict(queue=q) for q in queues]
        leased, reports, sent, runner, poller = {}, {}, {}, Runner(handler), zmq.Poller()
        for end in self.sock, runner.woken:
            poller.register(end, zmq.POLLIN)
        joined, received, given, ahead, beat, asked = False, 0, 0, 0, 0, 0

        def say(op, tokens):  # of jobs by their tokens; the reply has an item for each
            items = [{name: leased[t][name] for name in ("id", "token", "begun")}
                     | (reports[t] if op == "done" else {}) for t in tokens]
            sent[self.send(op, *items)] = tokens

        while jobs > 0:
            if (now := time.monotonic()) >= beat:  # the heartbeat; says again what may be lost
                beat, sent, given = now + 1, {}, 0
                if now > runner.began + 1:  # a long job: those behind it go back
                    ahead = 0
                    reports |= {job["token"]: dict(outcome=RELEASE) for job in runner.empty()}
                if reports:
                    say("done", list(reports))
                if joined:
                    say("extend", list(leased))
                else:
                    asked = self.send("hello", *hello)
            running = len(leased) - len(reports)
            credit = received + min(ahead + 1, jobs - len(reports), 64 - len(leased)) - running
            if joined and credit != given:
                given = credit
                self.send("want", dict(credit=credit))
            ready = dict(poller.poll(1000 * max(0, beat - time.monotonic())))
            if runner.woken.fileno() in ready:
                news = runner.news()
                for job, report, took in news:
                    ahead = min(2 * ahead + 1, 31) if took < 0.01 else 0
                    reports[job["token"]] = report
                say("done", [job["token"] for job, *_ in news])
            if self.sock not in ready:
                continue
            op, seq, items = unpack(self.sock.recv())
            status = items[0].get("status") if items else None
            if op == ERROR and status != SESSION:
                raise Refused(status, items[0].get("detail"))
            if op == ERROR and joined or op == OPS["hello"] + REPLY and seq == asked:
                joined, received, given, beat = op != ERROR, 0, 0, 0
            for job in items if op == JOBS else []:
                received, leased[job["token"]] = received + 1, job | dict(begun=0)
                runner.todo.put(leased[job["token"]])
            if op == STOP and items[0]["token"] in leased:
                leased[items[0]["token"]]["stop"] = True  # for the handler to look at
            for token, item in zip(sent.pop(seq, ()), items):
                if op == OPS["extend"] + REPLY and item["status"] and token in leased:
                    leased[token]["stop"] = True  # cancelled, or it is another worker's now
                elif op == OPS["done"] + REPLY and item["status"] != FULL and token in leased:
                    jobs -= reports.pop(token)["outcome"] != RELEASE
                    del leased[token]
        self.call("bye")

class Runner(threading.Thread):  # the handler's thread: no heartbeat waits for a job
    def __init__(self, handler):
        super().__init__(daemon=True)
        self.handler, self.todo, self.done = handler, queue.SimpleQueue(), queue.SimpleQueue()
        (self.woken, self.wake), self.began = socket.socketpair(), float("inf")
        self.start()

    def run(self):
        while True:
            job = self.todo.get()
            self.began, job["begun"] = time.monotonic(), 1
            try:
                if job.get("stop"):
                    raise InterruptedError("cancelled before it began")
                report = dict(outcome=ACK, result=self.handler(job) or b"")
            except BaseException as e:
                bad = STOPPED if job.get("stop") else FAIL if isinstance(e, Permanent) else RETRY
                report = dict(outcome=bad, error=repr(e).encode()[-4096:])
            took, self.began = time.monotonic() - self.began, float("inf")
            self.done.put((job, report, took))
            self.wake.send(b".")

    def news(self):  # all that has ended
        return [self.done.get() for _ in self.woken.recv(4096)]

    def empty(self):  # all that has not begun, taken back
        jobs = []
        with contextlib.suppress(queue.Empty):
            while True:
                jobs.append(self.todo.get_nowait())
        return jobs

def main(verb, *args):
    sys.excepthook = lambda kind, error, trace: print("spillway.py:", *error.args, file=sys.stderr)
    sw = Spillway()
    if verb == "work":
        return sw.work(args[:1], lambda job: job["body"].upper(), *map(int, args[1:]))
    if verb == "put":
        return print(sw.put(args[0], args[1].encode()))
    for job in sw.dead(*args) if verb == "dead" else [sw.get(*args, verb)]:
        print(*(f"{name}={value}" for name, value in job.items()))

if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 2 or sys.argv[1:] == ["dead"] else print(__doc__)
