# SPDX-License-Identifier: MIT
"""front_restart.py DIR: a front is restarted again and again while clients ask.

Plays the service manager (sd_listen_fds(3)): it holds the sockets, and each
front in turn gets them.  Every client must get its answer: nothing refused,
nothing cut off.  One that reuses a connection may find it closed before it
has sent anything that was answered, and then asks again, as HTTP clients do;
so may one that has connected and was silent for longer than a front that ends
waits for it (FRESH_MS of front/caller.c), as on a busy machine.
"""
import http.client, os, signal, socket, sys, threading, time

import front_lib
from front_lib import DEADLINE_S, turns

folder = sys.argv[1]
sockets = [socket.create_server(("127.0.0.1", 0), backlog=1000), socket.socket(socket.AF_UNIX)]
sockets[1].bind(f"{folder}/given")
sockets[1].listen(1000)
port = sockets[0].getsockname()[1]
fronts, wrong, asked, stop = 0, [], 0, threading.Event()
FRESH_S = 0.5


def end(*_):
    """Nothing that hangs outlives the test."""
    os.kill(pid, signal.SIGKILL)
    os._exit(1)


def until(true, what):
    front_lib.until(lambda: wrong or true(), what)
    assert not wrong, (what, wrong)


def log():
    name = f"{folder}/restart{fronts}.log"
    return open(name).read() if os.path.exists(name) else ""


def front_start():
    global fronts
    fronts += 1
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(f"{folder}/restart{fronts}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        for n, s in enumerate(sockets):
            os.dup2(s.fileno(), 20 + n, inheritable=True)
        for n in range(len(sockets)):
            os.dup2(20 + n, 3 + n, inheritable=True)
        env = {**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_PID": str(os.getpid())}
        os.execvpe("spillway-front", ["spillway-front", "--config", f"{folder}/restart.conf"], env)
    until(lambda: "ev=ready" in log(), "the front starts")
    return pid


def client(kept, by_unix):
    global asked
    d = None
    while not stop.is_set():
        fresh, silent_s = d is None, 0
        if fresh:
            d = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
            if by_unix:
                d.sock = socket.socket(socket.AF_UNIX)
                d.sock.settimeout(DEADLINE_S)
        begun = time.monotonic()
        try:
            if fresh and by_unix:
                d.sock.connect(f"{folder}/given")
            d.request("GET", "/hello", headers={} if kept else {"Connection": "close"})
            silent_s = time.monotonic() - begun
            r = d.getresponse()
            if (r.status, r.read()) != (200, b"hello, world\n"):
                wrong.append(r.status)
            asked += 1
            if not kept or r.will_close:
                d.close()
                d = None
        except (ConnectionError, http.client.HTTPException) as e:
            if fresh and silent_s < FRESH_S:
                wrong.append(repr(e))
            d = None


pid = front_start()
signal.signal(signal.SIGALRM, end)
signal.alarm(4 * DEADLINE_S)
threads = [threading.Thread(target=client, args=(n % 2 == 0, n % 4 > 1), daemon=True) for n in range(12)]
for t in threads:
    t.start()
for _ in range(6):
    before = asked
    until(lambda: asked >= before + 200, "it serves")
    half = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    half.sendall(b"GET /hello HTTP/1.1\r\n")
    before = asked
    until(lambda: asked >= before + 50, "the half has been read as well")
    os.kill(pid, signal.SIGTERM)
    until(lambda: "ev=stop" in log(), "it has been told")
    before = turns(pid)
    until(lambda: turns(pid) >= before + 40, "it has looked whether it may end")
    half.sendall(b"Host: x\r\n\r\n")
    answer = half.makefile("rb").read()  # to the end: the front closes it
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello, world\n"), answer
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the front's status {status}"
    pid = front_start()
stop.set()
for t in threads:
    t.join()
os.kill(pid, signal.SIGTERM)
_, status = os.waitpid(pid, 0)
assert status == 0 and not wrong, (status, wrong)
print(f"[       OK ] restart: {asked} requests through {fronts} fronts, each answered")
