#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A Spillway client, written from docs/protocol.md alone.  Needs pyzmq.

    spillway.py put QUEUE BODY | get ID | wait ID | dead [QUEUE]
    spillway.py work QUEUE [N]      upper-cases bodies: N jobs, or for ever
The broker is $SPILLWAY_BROKER.  As a library: class Spillway."""
import concurrent.futures as futures, itertools, os, random, socket, struct, sys, time, uuid, zmq

OPS = {name: op for op, name in enumerate("""put hello want done extend cancel get wait list
    redrive purge queue-set queues workers stats why bye""".split(), 1)}
JOBS, STOP, ERROR, REPLY, SESSION, CANCEL = 64, 65, 255, 128, -5015, -5023
ACK, RETRY, FAIL, STOPPED = 1, 2, 3, 5
# By tag, from 1 on.  $ text, % bytes, @ id, & item, else int; * may come many times.
FIELDS = """id@ queue$ body% status detail$ state priority delay_ms run_at_ms expires_at_ms
    unique% unique_also fair$ max_attempts timeout_ms headers$* content_type$ token attempt crashes
    created_at_ms ended_at_ms outcome cause error% result% exit_code signal cpu_ms rss_kb follow&*
    events&* at_ms worker$ weight slots credit lease_ms progress text$ cursor% limit settings$*
    stats$* since_ms until_ms match% rate offset count kind rank keep_until_ms duration_ms""".split()
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
        field, start, at = FIELDS[(word & 255) - 1], at + 4, at + 4 + (word >> 8)
        name, value = field.rstrip("$%@&*"), TYPES.get(field.rstrip("*")[-1], INT)[1](raw[start:at])
        item[name] = item.get(name, []) + [value] if field[-1] == "*" else value
    return item

def unpack(frame):
    (op, count, seq), at, items = struct.unpack_from("<xxxBxxHQ", frame), 16, []
    for _ in range(count):
        start, at = at + 4, at + 4 + struct.unpack_from("<I", frame, at)[0]
        items.append(unpack_fields(frame[start:at]))
    return op, seq, items

def uuid7():
    bits = int(time.time() * 1000) << 80 | random.getrandbits(80)
    return str(uuid.UUID(int=bits & ~(15 << 76 | 3 << 62) | 7 << 76 | 2 << 62))

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
                if to == seq and got in (ERROR, OPS[op] + REPLY):
                    if reply and reply[0].get("status"):
                        raise Refused(reply[0]["status"], reply[0].get("detail", op))
                    return reply
        raise TimeoutError("no answer: the outcome is unknown")

    def put(self, queue, body, **fields):
        job = dict(id=uuid7(), queue=queue, body=body) | fields
        self.call("put", job)
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
        """Runs handler(job), one job at a time, until `jobs` of them are done."""
        hello = [dict(worker=f"{socket.gethostname()}:{os.getpid()}", slots=1)]
        hello, pool = hello + [dict(queue=q) for q in queues], futures.ThreadPoolExecutor(1)
        joined, job, report, lease, received, beat = False, None, None, [], 0, 0
        while jobs > 0:
            if time.monotonic() >= beat:  # the heartbeat; says again what may be lost
                beat = time.monotonic() + 1
                if not joined:
                    asked = self.send("hello", *hello)
                else:
                    self.send("extend", *lease)
                    self.send("want", dict(credit=received + (not job)))
                if report:
                    self.send("done", report, seq=job["token"])
            if job and not report and future.done():
                e, beat = future.exception(), 0
                bad = STOPPED if job.get("stop") else FAIL if isinstance(e, Permanent) else RETRY
                report = lease[0] | (dict(outcome=bad, error=repr(e).encode()[-4096:]) if e else
                                     dict(outcome=ACK, result=future.result() or b""))
            elif self.sock.poll(20 if job and not report else 1000):
                op, seq, items = unpack(self.sock.recv())
                status = items[0].get("status") if items else None
                if op == ERROR and status != SESSION:
                    raise Refused(status, items[0].get("detail"))
                if op == ERROR and joined or op == OPS["hello"] + REPLY and seq == asked:
                    joined, received, beat = op != ERROR, 0, 0
                elif op == JOBS:
                    job, received, future = items[0], received + 1, pool.submit(handler, items[0])
                    lease = [dict(id=job["id"], token=job["token"])]
                elif job and (op == STOP or op == OPS["extend"] + REPLY and status == CANCEL):
                    job["stop"] = True  # for the handler to look at
                elif job and op == OPS["done"] + REPLY and seq == job["token"]:
                    job, report, lease, jobs, beat = None, None, [], jobs - 1, 0
        self.call("bye")

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
