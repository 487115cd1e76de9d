#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A kept job in Python, written from docs/jobs-protocol.md: one process runs job after job.

    spillway-worker --queue words="keep:/usr/bin/python3 $PWD/examples/kept.py"

The job at the end of this page counts words.  As a library: kept.serve(handler).  A
handler takes a Job and returns its result; it may raise Permanent or Retry."""
import collections, json, re, resource, socket, sys, traceback

BYTES_MAX = 139264  # of one message

class Permanent(Exception): pass  # never again: the job is dead, with this text
class Retry(Exception):  # again; Retry("busy", 30000): not before 30 s from now
    def __init__(self, text, after_ms="-"):
        super().__init__(text)
        self.after_ms = after_ms

def as_bytes(value):
    data = b"" if value is None else value.encode() if isinstance(value, str) else bytes(value)
    if len(data) > BYTES_MAX:
        raise Permanent(f"{len(data)} bytes are too many: a message has {BYTES_MAX}")
    return data

def cost():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss

class Worker:  # the other end of descriptor 3
    def __init__(self):
        self.socket, self.buffer = socket.socket(fileno=3), b""
        self.socket.set_inheritable(False)  # not for programs that a job starts

    def send(self, *messages):
        self.socket.sendall(b"".join(b"%d %b\n%b" % (len(data), words.encode(), data)
                                     for words, data in messages))

    def receive(self, flags=0):
        """The next message: its words and its bytes.  EOFError: there is none any more."""
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            length, *words = line.split(b" ")
            if newline and len(rest) >= int(length):
                self.buffer = rest[int(length):]
                return words, rest[:int(length)]
            more = self.socket.recv(1 << 18, flags)
            if not more:
                raise EOFError
            self.buffer += more

class Job:
    def __init__(self, worker, words, data):
        self.worker, self.stop = worker, False
        self.id, self.queue, *numbers = (word.decode() for word in words[1:7])
        self.attempt, self.max_attempts, self.timeout_ms, headers = map(int, numbers)
        self.body = data[headers:]
        self.headers = dict(h.split("=", 1) for h in data[:headers].decode().split("\0")[:-1])

    def progress(self, percent, text=""):
        self.worker.send((f"progress {self.id} {int(percent)}", as_bytes(text)))

    def put(self, queue, body, **headers):
        """A further job, stored in the same commit as the end of this one, or not at all."""
        if not re.fullmatch("[a-z0-9_-]{1,63}", queue):
            raise Permanent(f"no name of a queue: {queue!r}")
        block = "".join(f"{name}={value}\0" for name, value in headers.items()).encode()
        self.worker.send((f"put {self.id} {queue} {len(block)}", as_bytes(block + as_bytes(body))))

    def cancelled(self):
        """Whether to end early, by raising Retry: a long job asks now and then."""
        try:
            while not self.stop:
                words, _ = self.worker.receive(socket.MSG_DONTWAIT)
                self.stop = words[:2] == [b"cancel", self.id.encode()]
        except BlockingIOError:
            pass
        return self.stop

def run(worker, handler, job):
    start, end, error, result = cost()[0], "done", "", b""
    worker.send((f"begun {job.id}", b""))
    try:
        result = as_bytes(handler(job))
    except Permanent as e:
        end, error = "fail", str(e)
    except Retry as e:
        end, error, after = "retry", str(e), f" {e.after_ms}"
    except Exception:
        end, error, after = "retry", traceback.format_exc(), " -"
    sys.stdout.flush()
    now, rss_kb = cost()
    words = f"{end} {job.id}{after if end == 'retry' else ''} {1000 * (now - start):.0f} {rss_kb}"
    results = [(f"result {job.id}", result)] if result else []
    worker.send(*results, (words, error.encode(errors="replace")[-4096:]))

def serve(handler):
    """Runs jobs until the worker closes the socket.  Set up before what handlers need."""
    worker = Worker()
    worker.send(("ready 1", b""))
    try:
        while True:
            words, data = worker.receive()
            if words[0] == b"job":  # else a word of a later version, or a cancel too late
                run(worker, handler, Job(worker, words, data))
    except EOFError:
        sys.exit(0)

def count_words(job):
    try:
        found = job.body.decode().split()
    except UnicodeDecodeError as e:
        raise Permanent(f"not a text: {e}")
    job.progress(50, "counted")
    job.put("counted", str(len(found)), source=job.id)
    return json.dumps(dict(collections.Counter(found).most_common(3)))

if __name__ == "__main__":
    serve(count_words)
