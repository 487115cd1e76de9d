# SPDX-License-Identifier: MIT
"""front_door.py DIR: what comes to a front's sockets."""
import os, resource, socket, subprocess, sys, tempfile

from front_lib import Front, get, rest, run

folder = sys.argv[1]


def given():
    """A socket from the service manager that is none to accept at is refused, and not tried again and again."""
    def refused(f):
        def become():
            os.dup2(f.fileno(), 3)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        p = subprocess.run(["spillway-front", "--config", f"{folder}/given.conf"], preexec_fn=become, close_fds=False,
                           capture_output=True, text=True, timeout=60)
        assert (p.returncode, p.stderr) == (78, "spillway-front: LISTEN_FDS: one is no listening stream socket\n"), p

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


run(given, few_descriptors)
