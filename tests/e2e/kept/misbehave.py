#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""misbehave.py MODE: a kept process that misbehaves in one way, at each job whose body is
"bad", once if there is a second body: the first line of $MARKS/MODE counts its starts.  Other jobs
are done well, with their body as the result."""
import os, signal, socket, sys, time

mode, marks = sys.argv[1], os.environ["MARKS"]
worker = socket.socket(fileno=3)
buffer = b""


def send(words, data=b""):
    worker.sendall(b"%d %b\n%b" % (len(data), words.encode(), data))


def receive():
    global buffer
    while True:
        line, newline, rest = buffer.partition(b"\n")
        length, *words = line.split(b" ")
        if newline and len(rest) >= int(length):
            buffer = rest[int(length):]
            return [w.decode() for w in words], rest[:int(length)]
        more = worker.recv(1 << 18)
        if not more:
            sys.exit(0)
        buffer += more


def once(what):
    """Whether this is the first time, for all processes of this mode."""
    try:
        os.close(os.open(f"{marks}/{mode}.{what}", os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def hang():
    while True:
        signal.pause()


def closed():
    worker.shutdown(socket.SHUT_RDWR)
    os.close(3)


def segv():
    os.kill(os.getpid(), signal.SIGSEGV)


def ignore_term():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def heed(id):
    while receive()[0][0] != "cancel":
        pass
    send(f"fail {id}", b"stopped as told")


# Before "begun": the job goes back and is done by the next process.
unbegun = {
    "no-begun": lambda: once("bad") and hang(),
    "end-unbegun": lambda: once("bad") and sys.exit(3),
    "crash-unbegun": lambda: once("bad") and segv(),
}
# After "begun", with the id of the job.
begun = {
    "end-0": lambda id: sys.exit(0),
    "end-1": lambda id: sys.exit("line one\nValueError: line two"),
    "crash": lambda id: segv(),
    "killed": lambda id: os.kill(os.getpid(), signal.SIGKILL),
    "close": lambda id: (closed(), hang()),
    "close-end": lambda id: (closed(), sys.exit(4)),
    "garbage": lambda id: (worker.sendall(b"print\n"), hang()),
    "other-id": lambda id: (send("done 00000000-0000-0000-0000-000000000000"), hang()),
    "twice": lambda id: (send(f"begun {id}"), hang()),
    "arguments": lambda id: (send(f"progress {id} much"), hang()),
    "too-long": lambda id: (worker.sendall(b"139265 result " + id.encode() + b"\n"), hang()),
    "timeout": lambda id: ignore_term(),
    "timeout-heed": heed,
    "large": lambda id: (send(f"result {id}", b"x" * 65537), send(f"done {id}")),
    "bad-put": lambda id: (send(f"put {id} N0-QUEUE! 0", b"x"), send(f"done {id}")),
    "retry": lambda id: (send(f"result {id}", b"old"), send(f"put {id} never 0", b"x"),
                         send(f"retry {id} 0", b"not now")),
    "deaf": lambda id: (send(f"done {id}"), hang()),
    "end-then": lambda id: (send(f"done {id}"), sys.exit(0)),
    "alarm": lambda id: (send("alarm", b"the key is wrong"), send(f"fail {id}", b"no key")),
}

if mode == "start" and os.path.exists(f"{marks}/start.bad"):
    if once("1") or once("2"):
        sys.exit("reading x\nno such file: x")
if mode == "not-ready" and os.path.exists(f"{marks}/not-ready.bad") and once("1"):
    hang()
if mode == "version" and os.path.exists(f"{marks}/version.bad") and once("1"):
    send("ready 2")
    hang()
send("ready 1 2" if mode == "two" else "ready 1")
while True:
    words, data = receive()
    if words[0] != "job":
        continue
    id, body = words[1], data[int(words[6]):]
    bad = body.startswith(b"bad")
    if bad and mode in unbegun:
        unbegun[mode]()
    if bad and mode == "before-begun":
        send(f"done {id}")
        hang()
    send(f"begun {id}")
    if bad and mode in begun:
        begun[mode](id)
        continue
    send(f"result {id}", body[:100])
    send(f"done {id} 1 2")
    if bad and mode in ("start", "not-ready", "version"):
        once("bad")
        sys.exit(0)
