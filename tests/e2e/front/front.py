# SPDX-License-Identifier: MIT
"""Asks a front everything: front.py DIR PID auto|no|strict.

The last is the front that waits but seconds, for clients and for the broker;
what depends on that is asked there, all else where nobody is ever late.
"""
import contextlib, fcntl, hashlib, http.client, json, os, select, signal, socket, subprocess, sys, termios, threading, time

from front_lib import DEADLINE_S, turns, until

folder, pid, perf = sys.argv[1], int(sys.argv[2]), sys.argv[3]
door_name = "strict" if perf == "strict" else "http"


class Door(http.client.HTTPConnection):
    def __init__(self, name=door_name):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.name = name

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(f"{folder}/{self.name}")


def ask(path, body=None, method=None, headers={}, door=None):
    d = door or Door()
    d.request(method or ("GET" if body is None else "POST"), path, body, headers)
    r = d.getresponse()
    text = r.read()
    if door is None:
        d.close()
    return r.status, text.decode("latin-1"), r.headers


def expect(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


def connected():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(DEADLINE_S)
    s.connect(f"{folder}/{door_name}")
    return s


@contextlib.contextmanager
def gate_open():
    """Who waits at the gate goes on, and who comes passes."""
    fd = os.open(f"{folder}/gate.fifo", os.O_RDWR)
    try:
        yield
    finally:
        os.close(fd)


def stats():
    return {r["route"]: r for r in json.loads(ask("/stats", door=Door(f"{door_name}.stats"))[1])}


def hello():
    status, text, headers = ask("/hello")
    expect((status, text), (200, "hello, world\n"), "hello")
    assert headers["Server-Timing"].startswith("cpu;dur="), headers
    d = Door()
    for _ in range(3):
        expect(ask("/hello?x=1", door=d)[0], 200, "keep-alive")
    expect(ask("/nowhere")[0], 404, "no route")
    expect(ask("/hellooo")[0], 404, "a longer word is another path")
    expect(ask("/hello/more")[0], 200, "below a route")
    status, text, headers = ask("/hello", method="HEAD")
    expect((status, text), (200, ""), "HEAD")
    smuggled()


def smuggled():
    """What hides as a body where there is none is no request of its own."""
    s = connected()
    hidden = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    s.sendall(b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
    got = b"".join(iter(lambda: s.recv(4096), b""))
    assert got.startswith(b"HTTP/1.1 404") and got.count(b"HTTP/1.1") == 1, got


def hasty():
    """Two requests sent at once get both answers; the second one's bytes wait unread."""
    d = Door()
    for _ in range(3):
        expect(ask("/hello", door=d)[0], 200, "keep-alive")
    d.sock.sendall(b"GET /gate/wait HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(ask("/hello")[0], 200, "the front has been round")
    d.sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    before, got = turns(pid), b""
    until(lambda: turns(pid) >= before + 100, "the front sleeps in between")
    with gate_open():
        while got.count(b"HTTP/1.1 ") < 2 or not got.endswith(b"hello, world\n"):
            more = d.sock.recv(4096)
            assert more, f"the connection was closed after {got}"
            got += more
    assert got.count(b"HTTP/1.1 200") == 2 and b"through\n" in got, got
    d.close()


def raw(*pieces):
    """All that is answered on one connection until it is closed."""
    s = connected()
    for piece in pieces:
        s.sendall(piece)
    s.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def answers():
    """Each answer ends where the next begins, whatever its kind."""
    get = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    last = get % (b"/hello", b"Connection: close\r\n")
    heads = raw(b"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", last).split("\r\n\r\n")
    expect([h.split("\r\n")[0] for h in heads], ["HTTP/1.1 200 OK"] * 2 + ["hello, world\n"], "after HEAD")
    assert "Content-Length: 13" in heads[0] and "Connection: close" not in heads[0], heads
    assert "Connection: close" in heads[1], heads
    got = raw(b"POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", last)
    expect([s.endswith("\r\n\r\nhello, world\n") for s in got.split("HTTP/1.1 200 OK")[1:]], [True] * 2, "after chunks")
    got = raw(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n")
    expect((got.count("HTTP/1.0 200 OK"), got.count("Connection: keep-alive"), got.count("Connection: close")),
           (2, 1, 1), "HTTP/1.0")
    d = Door()
    for path, want in (("empty?1", (204, "")), ("interim?1", (500, "")), ("dated", (200, "")),
                       ("odd?1", (299, "a line of a long answer\n")), ("?40000", (200, "a line of a long answer\n" * 40000))):
        status, text, headers = ask(f"/answer/{path}", door=d)
        assert (status, text) == want, f"{path}: {status}, {len(text)} bytes"
        expect(headers.get_all("Date") == ["Thu, 01 Jan 1970 00:00:00 GMT"], path == "dated", "its own Date")
    expect(len(raw(get % (b"/answer/?40000", b""), last).split("HTTP/1.1 200 OK")), 3, "long, then short")


def two_readings():
    """A head that a proxy may read otherwise ends the connection: no request follows it."""
    follows = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    for head, why in ((b"Host: x\r\nContent-Length: 3\r\ncontent-length: 4\r\n", "a second Content-Length"),
                      (b"Host: x\r\nhost: y\r\nContent-Length: 4\r\n", "a second Host"),
                      (b"Content-Length: 4\r\n", "missing Host")):
        got = raw(b"POST /hello HTTP/1.1\r\n%s\r\nabcd" % head, follows)
        assert got.startswith("HTTP/1.1 400") and got.count("HTTP/1.1") == 1 and got.endswith(why + "\n"), got
    assert raw(b"GET /hello HTTP/1.0\r\n\r\n").startswith("HTTP/1.0 200"), "HTTP/1.0 knows no Host"


def sent_and_read(s, request):
    s.sendall(request)
    until(lambda: fcntl.ioctl(s, termios.TIOCOUTQ, b"1234") == bytes(4), "the front has read it")


def has_room(s):
    """Whether more can be sent, by the time that the front has been round again and again."""
    before = turns(pid)
    until(lambda: select.select([], [s], [], 0)[1] or turns(pid) >= before + 20, "room, or the front goes round")
    return select.select([], [s], [], 0)[1]


def early_bird():
    """Bytes that come while a request is served wait: not lost, not in the way, not endless."""
    get = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
    s = connected()
    sent_and_read(s, get % b"/gate/wait")
    sent_and_read(s, (get % b"/hello") * 2)
    s.sendall((get % b"/hello")[:9])
    s.shutdown(socket.SHUT_WR)
    with gate_open():
        got = b"".join(iter(lambda: s.recv(4096), b""))
    expect((got.count(b"through"), got.count(b"hello, world")), (1, 2), "those that were early")
    s = connected()
    sent_and_read(s, get % b"/gate/wait")
    s.setblocking(False)
    sent = 0
    while has_room(s) and sent < 1 << 22:
        sent += s.send(bytes(65536))
    assert sent < 1 << 20, f"{sent} bytes were read while they were not wanted"
    s.settimeout(DEADLINE_S)
    with gate_open():
        assert s.recv(4096).startswith(b"HTTP/1.1 200")


KILLED = (503, "error code: 1102\n")
CRASHED = (500, "error code: 1101\n")
DEEDS = {
    "spin": KILLED, "spin-blocked": KILLED, "syscalls": KILLED, "denied": KILLED,
    "random": KILLED, "populate": KILLED, "memory": KILLED,
    "sleep": (504, "the handler took too long\n"),
    "exit": CRASHED, "crash": CRASHED,
    "scribble": CRASHED, "nul": CRASHED, "unmap": CRASHED,
    "lie0": CRASHED, "lie1": CRASHED, "lie2": CRASHED, "lie3": CRASHED,
}
SANDBOXED = {"zero": (200, "zero: 1\n"), "fork": (200, "fork: 1\n"), "tear": (200, "tear: 0\n"),
             "bell": (200, "bell: 1\n"), "stack": CRASHED}
BARE = {"zero": KILLED, "fork": (200, "fork: 0\n")}


def hostile():
    for route, more in (("hostile", SANDBOXED), ("bare", BARE)):
        for deed, want in {**DEEDS, **more}.items():
            expect(ask(f"/{route}/{deed}")[:2], want, f"{route} {deed}")
            expect(ask(f"/{route}/none")[:2], (200, "nothing done\n"), f"after {deed}")
    ends = stats()["/hostile"]["ends"]
    assert ends["cpu"] >= 6 and ends["wall"] == 1 and ends["crash"] == 4 and ends["broken"] == 6, ends


def cpu_s():
    """The most that a process with the hostile module has used."""
    pids = subprocess.run(["pgrep", "-f", f"spillway-isolate {folder}/hostile.so"], capture_output=True, text=True)
    most = 0
    for pid in pids.stdout.split():
        try:
            most = max(most, int(open(f"/proc/{pid}/stat").read().rsplit(")")[1].split()[11]))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return most / os.sysconf("SC_CLK_TCK")


def linger():
    """Who goes on after his answer is ended as well, long before the backstop."""
    before, used = stats()["/hostile"]["isolate_starts"], []
    expect(ask("/hostile/linger")[0], 200, "an answer in time")
    until(lambda: used.append(cpu_s()) or stats()["/hostile"]["isolate_starts"] > before, "it was ended")
    assert max(used) < 3, f"{max(used)} s of CPU for an answer"


def early():
    """A module's own start is in the sandbox as well; without one it could."""
    expect(ask("/early")[1], "did:\n", "a module's start")
    did = ask("/early-bare")[1].split()
    for what in ("open", "empty", "socket", "fork", "limits", "loose"):
        assert what in did, did


def bystanders():
    """Whoever is not the offender gets his answer, and nothing but that."""
    wrong, stop = [], threading.Event()

    def bystander():
        d, n = Door(), 0
        while not stop.is_set() or n < 50:
            got = ask("/hello", door=d)[:2]
            if got != (200, "hello, world\n"):
                wrong.append(got)
            n += 1

    threads = [threading.Thread(target=bystander, daemon=True) for _ in range(16)]
    for t in threads:
        t.start()
    for _ in range(20):
        expect(ask("/hostile/spin")[:2], KILLED, "spin among others")
    stop.set()
    for t in threads:
        t.join()
    expect(wrong, [], "bystanders")


def overload():
    """One isolate and two places to wait: the rest is told so at once."""
    got = []
    def one():
        got.append(ask("/few/wait")[0])
    threads = [threading.Thread(target=one, daemon=True) for _ in range(6)]
    for t in threads:
        t.start()
    until(lambda: len(got) >= 3, "three are turned away while the first is served")
    expect(got, [503] * 3, "turned away")
    with gate_open():
        for t in threads:
            t.join()
    expect(sorted(got), [200] * 3 + [503] * 3, "overload")
    for _ in range(10):  # through three isolates: each is renewed after 3
        expect(ask("/few/none")[0], 200, "renewed isolates")
    assert stats()["/few"]["isolate_starts"] >= 4


def spillway(*args):
    return subprocess.run(["spillway", *args], check=True, capture_output=True, text=True).stdout


def jobs():
    status, text, _ = ask("/signup", '{"email": "ann@example.org"}')
    expect(status, 202, "signup")
    job = json.loads(text)["job"]
    got = json.loads(spillway("get", job, "--json"))
    expect((got["state"], got["queue"]), ("ready", "email"), "the job is there")
    expect(ask("/signup", '{"email": "ann@example.org"}')[:2], (409, "the job's unique key is taken\n"), "the same again")
    spillway("cancel", job)
    expect(ask("/signup", "{}")[0], 400, "no address")
    expect(ask("/signup")[0], 405, "GET")
    lines = "".join(f'1.2.3.4 - - [01/Jan/2026:00:00:00 +0000] "GET /{i} HTTP/1.1" 200 5\n' for i in range(5000))
    assert len(lines) > 2 * 128 * 1024
    before = stored()
    expect(ask("/beacon", lines)[0], 204, "beacon")
    until(lambda: stored() == before + 3, "three jobs of lines")


def stored():
    for line in spillway("queues", "--json").splitlines():
        q = json.loads(line)
        if q["queue"] == "logs":
            return int(q["stats"]["ready"])
    return 0


def rss():
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * 4096


def upload():
    """A video goes into the blobs as it comes, and its name into a job."""
    mb = bytes(range(256)) * 4096
    before, most = rss(), 0
    d = Door()
    d.putrequest("PUT", "/upload/video.mkv")
    d.putheader("Content-Length", 100 << 20)
    d.endheaders()
    hash = hashlib.sha256()
    for i in range(100):
        part = bytes([i]) + mb[1:]
        hash.update(part)
        d.send(part)
        most = max(most, rss())
    r = d.getresponse()
    said = json.loads(r.read())
    expect(r.status, 202, "upload")
    expect(ask("/upload", "small", door=d)[0], 202, "another on the same connection")
    expect(ask("/hello", "x" * 1000, door=d)[0], 200, "a route without blobs on it")
    d.close()
    expect(said["blob"], f"sha256:{hash.hexdigest()};size={100 << 20}", "the blob's name")
    assert most - before < 16 << 20, f"{(most - before) >> 20} MB of it were in memory"
    job = json.loads(spillway("get", said["job"], "--json"))
    expect((job["queue"], job["headers"]), ("transcode", {"blob": said["blob"]}), "the video's job")
    got = subprocess.run(["spillway", "blob", "get", said["blob"].split(";")[0], "--blobs", f"{folder}/blobs"],
                         check=True, capture_output=True).stdout
    expect(hashlib.sha256(got).hexdigest(), hash.hexdigest(), "the blob")
    spillway("blob", "gc", "--older", "0", "--force", "--blobs", f"{folder}/blobs")
    assert said["blob"][7:71] in spillway("blob", "ls", "--blobs", f"{folder}/blobs"), "gc took a job's blob"
    try:
        expect(ask("/hello", "x" * (2 << 20))[0], 413, "its limit is its own")
    except (BrokenPipeError, ConnectionResetError):
        pass
    expect(ask("/upload", method="GET")[0], 400, "no body")
    expect(ask("/upload", "", method="PUT", headers={"Content-Length": "0"})[0], 400, "an empty one")
    expect(ask("/upload", method="HEAD", headers={"Content-Length": "5"})[0], 400, "a method without a body")
    expect(ask("/upload", iter([b"chunk"]), method="PUT")[0], 411, "chunks")
    half(), crowd_of_uploads()


def writers():
    return subprocess.run(["pgrep", "-f", f"blob put - --blobs dir:{folder}/blobs"], capture_output=True, text=True).stdout


HALF = 8 << 20


def half_sent(n):
    s = connected()
    s.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % HALF + b"x" * n)
    return s


def blobs():
    return sorted(json.loads(line)["name"] for line in
                  spillway("blob", "ls", "--json", "--blobs", f"{folder}/blobs").splitlines())


def held():
    """A store that stands still holds its client back, who is not late for that."""
    s = half_sent(1000)
    until(writers, "it is being written")
    writer, sent = int(writers()), 1000
    os.kill(writer, signal.SIGSTOP)
    s.setblocking(False)
    try:
        while select.select([], [s], [], 6)[1]:  # 6 s: longer than request_s
            sent += s.send(bytes(min(65536, HALF - sent)))
            assert sent < HALF, "all of it went into a store that stands still"
    finally:
        os.kill(writer, signal.SIGCONT)
    s.settimeout(DEADLINE_S)
    s.sendall(bytes(HALF - sent))
    assert s.recv(100).startswith(b"HTTP/1.1 202"), "held, and then stored"
    s.close()


def half():
    """A client that breaks off leaves nothing."""
    before = blobs()
    s = half_sent(500000)
    until(lambda: os.listdir(f"{folder}/blobs/tmp"), "it is being written")
    s.close()
    until(lambda: not os.listdir(f"{folder}/blobs/tmp") and not writers(), "nothing is left of it")
    expect(blobs(), before, "no blob of a half")


def dawdler():
    """A client that dawdles is ended, and leaves nothing."""
    before = blobs()
    s = half_sent(500000)
    expect(s.recv(1), b"", "too slow")
    until(lambda: not os.listdir(f"{folder}/blobs/tmp") and not writers(), "nothing is left of the slow one")
    expect(blobs(), before, "no blob of a half")


def crowd_of_uploads():
    """The fourth of three is told so; so is who fills the store."""
    held = [half_sent(1000) for _ in range(3)]
    until(lambda: len(writers().split()) == 3, "three are writing")
    expect(ask("/upload", "x")[:2], (503, "the body could not be stored\n"), "one too many")
    for s in held:
        s.close()
    until(lambda: not writers(), "they have gone")
    expect(ask("/upload", "x" * 1000000)[0], 202, "there is room again")
    for n in range(4):
        status = ask("/upload", bytes([n]) * (150 << 20))[0]
        if status == 503:
            break
        expect(status, 202, "a large one")
    expect(status, 503, "the quota is used up")
    expect(ask("/hello")[0], 200, "hello beside a full store")


def broker_away():
    """No broker: no promise.  It comes back: all goes on."""
    broker = int(subprocess.run(["pgrep", "-f", f"spillway-broker --data {folder}"],
                                capture_output=True, text=True).stdout)
    os.kill(broker, signal.SIGSTOP)
    before = stats()["/signup"]["ends"]
    try:
        expect(ask("/signup", '{"email": "bob@example.org"}')[0], 503, "no broker")
        ends = stats()["/signup"]["ends"]
        expect([ends[k] - before[k] for k in ("answer", "refused")], [0, 1], "a refused request is one")
        expect(ask("/hello")[0], 200, "hello without a broker")
    finally:
        os.kill(broker, signal.SIGCONT)
    until(lambda: ask("/signup", f'{{"email": "{time.monotonic_ns()}@example.org"}}')[0] == 202, "broker back")


def limits():
    expect(ask("/hello", "x" * (1 << 20))[0], 200, "a body of the limit")
    try:
        expect(ask("/hello", "x" * (1 << 21))[0], 413, "body")
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was closed while we were writing
    status = ask("/hello", headers={"X": "y" * 20000})[0]
    assert status in (400, 431), status  # evhttp's limit or the front's
    expect(ask("/hello", headers={f"X{i}": "y" for i in range(300)})[0], 431, "headers' number")
    expect(ask("/hello", method="BREW")[0], 501, "method")
    expect(ask("/hello?" + "q" * 15000)[0], 200, "a long address")
    expect(ask("/hello?" + "q" * 20000)[0], 414, "too long an address")
    s = connected()
    s.sendall(b"\x00\xff garbage\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 400"), "garbage"
    s.close()


def slowloris():
    """A byte now and then does not keep a connection; others are served."""
    slow = []
    for _ in range(50):
        s = connected()
        s.sendall(b"GET /hello HTTP/1.1\r\n")
        slow.append(s)
    end = time.monotonic() + DEADLINE_S
    while slow:
        assert time.monotonic() < end, f"{len(slow)} slow ones are still there"
        expect(ask("/hello")[0], 200, "hello among slow ones")
        for s in list(slow):
            try:
                s.sendall(b"X")
                s.setblocking(False)
                s.recv(100)  # the end, or an answer before it
                slow.remove(s)
            except BlockingIOError:
                s.settimeout(DEADLINE_S)
            except (BrokenPipeError, ConnectionResetError):
                slow.remove(s)
        time.sleep(0.1)


def idle():
    """Who says nothing is sent away, before a first request and after one."""
    silent, kept = connected(), Door()
    expect(ask("/hello", door=kept)[0], 200, "before it falls silent")
    expect(silent.recv(1), b"", "one that never spoke")
    expect(kept.sock.recv(1), b"", "one that has fallen silent")


def crowd():
    """More than max_connections wait in the kernel and are served in time."""
    idle = []
    for _ in range(210):
        idle.append(connected())
    for s in idle:
        s.close()
    until(lambda: ask("/hello")[0] == 200, "hello after the crowd")


def reload():
    """A module is exchanged under load and no request is lost."""
    wrong, stop = [], threading.Event()

    def bystander():
        d = Door()
        while not stop.is_set():
            got = ask("/hello", door=d)[:2]
            if got[0] != 200:
                wrong.append(got)

    threads = [threading.Thread(target=bystander, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    conf = open(f"{folder}/front.conf").read()
    with open(f"{folder}/front.conf", "w") as f:
        f.write(conf.replace("[route /signup]", "set.WHOM = you\n[route /signup]"))
    os.kill(pid, signal.SIGHUP)
    until(lambda: ask("/hello")[1] == "hello, you\n", "the new configuration")
    with open(f"{folder}/front.conf", "w") as f:
        f.write("[front]\nnonsense = 1\n")
    os.kill(pid, signal.SIGHUP)
    until(lambda: "refused" in open(f"{folder}/front.log").read(), "a bad one is refused")
    expect(ask("/hello")[1], "hello, you\n", "the old one serves on")
    with open(f"{folder}/front.conf", "w") as f:
        f.write(conf)
    os.rename(f"{folder}/hello.so", f"{folder}/hello.old")
    os.rename(f"{folder}/other.so", f"{folder}/hello.so")
    expect(ask("/hello")[1], "hello, you\n", "until it is told")
    os.kill(pid, signal.SIGHUP)
    until(lambda: ask("/hello")[1] == "another module\n", "a new module")
    os.rename(f"{folder}/hello.so", f"{folder}/other.so")
    os.rename(f"{folder}/hello.old", f"{folder}/hello.so")
    os.kill(pid, signal.SIGHUP)
    until(lambda: ask("/hello")[1] == "hello, world\n", "the old module")
    stop.set()
    for t in threads:
        t.join()
    expect(wrong, [], "while it was exchanged")
    for name in ("hello, world\n", "hello, world\n"):  # the log by its name, each time
        os.rename(f"{folder}/http.access", f"{folder}/access.old")
        os.kill(pid, signal.SIGHUP)
        until(lambda: os.path.exists(f"{folder}/http.access"), "the log is opened anew")
        expect(ask("/hello")[1], name, "the first configuration again")


LENIENT = (hello, hasty, answers, two_readings, early_bird, hostile, linger, early, bystanders, overload, jobs, upload, limits, crowd, reload)
STRICT = (held, dawdler, broker_away, slowloris, idle)

for test in STRICT if perf == "strict" else LENIENT:
    test()
    os.kill(pid, 0)
    print(f"[       OK ] {test.__name__} ({perf})", flush=True)
