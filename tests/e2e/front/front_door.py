# SPDX-License-Identifier: MIT
"""front_door.py DIR: what comes to a front's sockets."""
import os, random, resource, socket, subprocess, sys, tempfile, time

from front_lib import DEADLINE_S, Front, get, rest, run

folder = sys.argv[1]


def given():
    """A socket of the service manager that cannot accept is refused, not tried again and again."""
    def refused(f):
        def become():
            os.dup2(f.fileno(), 3)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        p = subprocess.run(["spillway-front", "--config", f"{folder}/given.conf"], preexec_fn=become, close_fds=False,
                           capture_output=True, text=True, timeout=DEADLINE_S)
        assert (p.returncode, p.stderr) == (78, "spillway-front: LISTEN_FDS: must be listening stream sockets\n"), p

    bound, here = socket.socket(), socket.create_server(("127.0.0.1", 0))
    bound.bind(("127.0.0.1", 0))
    for f in (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), bound, socket.create_connection(here.getsockname()),
              tempfile.TemporaryFile()):
        refused(f)


def few_descriptors():
    """Who comes when they are used up waits, and is served in time."""
    few = 200
    front = Front(folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
    assert "ev=connections most=" in front.said, front.said
    held = [front.begin() for _ in range(few)]
    last = front.begin(get(b"/hello", b"Connection: close\r\n"))
    for s in held:
        s.close()
    assert rest(last).endswith(b"hello, world\n")
    front.end()
    assert "ev=accept" not in front.said and "ev=libevent" not in front.said, front.said


def log_lines():
    """Of the access log, what stands between address and time, and the agent."""
    return [line.split("] ", 1)[1].rsplit(' "-" "-"', 1)[0] for line in open(f"{folder}/access.log")]


POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
REFUSED = (
    (b"\x00\xff garbage\r\n\r\n", 400, '"-" 400'),
    (b"GET /hello HTTP/2.0\r\n\r\n", 400, '"-" 400'),
    (get(b"/hello", b"no colon\r\n"), 400, '"-" 400'),
    (get(b"/hello", b"no colon\r\n") + b"x" * 4090, 400, '"-" 400'),
    (POST + b"Content-Length: four\r\n\r\nabcd", 400, '"-" 400'),
    (get(b"/hello?" + b"q" * 5000), 414, '"-" 414'),
    (b"GET /hello?" + b"q" * 20000, 414, '"-" 414'),
    (get(b"/hello", b"X: %s\r\n" % (b"y" * 5000)), 431, '"-" 431'),
    (b"GET /hello HTTP/1.1\r\nX: " + b"y" * 5000, 431, '"-" 431'),
    (POST + b"Content-Length: 100001\r\n\r\n", 413, '"-" 413'),
    (POST + b"Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n", 413, '"-" 413'),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n186a1\r\n", 413, '"-" 413'),
    (b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 501, '"- /pot HTTP/1.1" 501'),
    # What a proxy might read as a body, or as none: what follows is nobody's request.
    (POST + b"Content-Length : 4\r\n\r\nabcd", 400, '"POST /echo HTTP/1.1" 400'),
    (POST + b"Content-Length: +4\r\n\r\nabcd", 400, '"POST /echo HTTP/1.1" 400'),
    (POST + b": 4\r\n\r\n", 400, '"POST /echo HTTP/1.1" 400'),
    (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, '"POST /echo HTTP/1.1" 400'),
    (b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, '"POST /echo HTTP/1.0" 400'),
)


def refusals():
    """Who is refused is told so as by a handler's front, and stands in the access log."""
    front = Front(folder)
    for n, (request, status, line) in enumerate(REFUSED):
        got = front.ask(request + get(b"/hello")).decode()
        head, _, body = got.partition("\r\n\r\n")
        assert head.split()[1] == str(status) and got.count("Date: ") == 1, (request[:60], got)
        assert "text/plain" in head and "Connection: close" in head, head
        assert f"Content-Length: {len(body)}" in head, got
    front.end()
    got = log_lines()[-len(REFUSED):]
    for (request, _, line), logged in zip(REFUSED, got):
        assert logged.startswith(line + " "), (request[:60], logged)


def blank_lines():
    """Empty lines before a request are none of it, however they come."""
    front = Front(folder)
    got = front.ask(b"\r\n\r\n" + get(b"/hello") + b"\r\n\n" + get(b"/hello") + b"\r\n")
    assert got.count(b"HTTP/1.1 200") == got.count(b"HTTP/1.1") == 2, got
    s = front.begin(b"\r")
    for piece in (b"\n", b"\r\nG", get(b"/hello", b"Connection: close\r\n")[1:]):
        front.ask(get(b"/hello"))  # by now what was sent before has been read
        s.sendall(piece)
    assert rest(s).endswith(b"hello, world\n")
    front.end()


def blank_lines_without_end():
    """Nor does a request of them take longer than others."""
    front = Front(folder, "strict.conf")
    s = front.begin()
    try:
        while True:
            s.sendall(b"\r\n")
            front.ask(get(b"/hello"))
    except (BrokenPipeError, ConnectionResetError):
        pass
    front.end()


def mutant(draw):
    """Requests one behind the other, with bytes changed, cut out, doubled and put in."""
    whole = [get(b"/hello"), b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", POST + b"Content-Length: 4\r\n\r\nabcd",
             POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
             POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd"]
    spice = [b"\r\n", b"\n", b"\r", b" ", b":", b"\0", b"\xff", b"0", b"HTTP/", b"x" * 5000, b"Host: y\r\n",
             b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: gzip\r\n", bytes([draw.randrange(256)])]
    text = b"".join(draw.choice(whole) for _ in range(draw.randint(1, 4)))
    for _ in range(draw.randint(0, 4)):
        a, b = sorted((draw.randrange(len(text)), draw.randrange(len(text))))
        b = min(b, a + 20)
        text = draw.choice((text[:a] + draw.choice(spice) + text[a:], text[:a] + text[b:], text[:b] + text[a:]))
    return text


def mutants():
    """Nothing that is sent ends the front, or keeps it from the next request."""
    seed = int(os.environ.get("SEED") or time.time())
    print(f"SEED={seed}", flush=True)
    draw = random.Random(seed)
    front = Front(folder)
    for _ in range(500):
        try:
            s = front.begin()
            text = mutant(draw)
            cut = draw.randrange(len(text) + 1)
            s.sendall(text[:cut])
            s.sendall(text[cut:])
            s.shutdown(socket.SHUT_WR)
            if draw.randrange(2):
                rest(s)
        except (BrokenPipeError, ConnectionResetError):
            pass
        s.close()
    assert front.ask(get(b"/hello")).startswith(b"HTTP/1.1 200")
    front.end()


run(given, few_descriptors, refusals, blank_lines, blank_lines_without_end, mutants)
