# SPDX-License-Identifier: MIT
"""The worker's side of the protocol of kept processes (docs/jobs-protocol.md), for tests.

    with kept_driver.Kept(["/usr/bin/python3", "job.py"]) as kept:
        kept.expect("ready", "1")
        print(kept.run(b"body"))

Whatever breaks the protocol, and silence for DEADLINE_S, is an AssertionError."""
import os
import re
import signal
import socket
import subprocess
import time

DEADLINE_S = float(os.environ.get("DEADLINE_S", 120))
LINE_MAX, BYTES_MAX = 255, 139264
ID = "017f22e2-79b0-7cc3-98c4-%012x"


class Message:
    def __init__(self, words, data):
        self.word, self.args, self.bytes = words[0], words[1:], data

    def __repr__(self):
        return f"{self.word} {' '.join(self.args)} {self.bytes[:200]!r}"


class Kept:
    """One kept process.  `step` bytes are written at once, 0: as many as there are."""

    def __init__(self, command, step=0, **options):
        self.socket, end = socket.socketpair()
        self.step, self.buffer, self.jobs = step, b"", 0

        def place():
            os.setsid()
            os.dup2(end.fileno(), 3)

        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[3],
                                        preexec_fn=place, **options)
        end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def write(self, data):
        step = self.step or len(data) or 1
        for at in range(0, len(data), step):
            self.socket.sendall(data[at:at + step])

    def send(self, words, data=b""):
        self.write(b"%d %b\n%b" % (len(data), words.encode(), data))

    def give(self, body, headers=None, queue="q", attempt=1, most=5, timeout_ms=60000):
        """Sends a job and returns its id."""
        self.jobs += 1
        block = "".join(f"{k}={v}\0" for k, v in (headers or {}).items()).encode()
        job = ID % self.jobs
        self.send(f"job {job} {queue} {attempt} {most} {timeout_ms} {len(block)} later", block + body)
        return job

    def receive(self):
        """The next message, or None at the end of file."""
        end = time.monotonic() + DEADLINE_S
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            assert len(line) <= LINE_MAX, f"a line of {len(line)} bytes"
            if newline:
                match = re.fullmatch(rb"(\d{1,6})((?: [!-~]+)+)", line)
                assert match, f"not a message: {line!r}"
                length = int(match[1])
                assert length <= BYTES_MAX, f"a message of {length} bytes"
                if len(rest) >= length:
                    self.buffer = rest[length:]
                    return Message(match[2].decode().split(), rest[:length])
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            more = self.socket.recv(1 << 18)
            if not more:
                assert not self.buffer, f"the end within a message: {self.buffer!r}"
                return None
            self.buffer += more

    def expect(self, word, *args):
        message = self.receive()
        assert message is not None, f"the end of file, not {word}"
        assert message.word == word, f"{message}, not {word}"
        assert message.args[:len(args)] == list(args), f"{message}, not {args}"
        return message

    def run(self, body, headers=None, **job):
        """Runs a job to its end: that message, the last result, progress and puts."""
        return self.end(self.give(body, headers, **job))

    def end(self, job):
        result, others = None, []
        self.expect("begun", job)
        while True:
            message = self.receive()
            assert message is not None, "the end of file in a job"
            assert message.args[0] == job, f"{message} of another job"
            if message.word in ("done", "retry", "fail"):
                return message, result, others
            if message.word == "result":
                result = message.bytes
            else:
                assert message.word in ("progress", "put"), message
                others.append(message)

    def close(self):
        """Closes the socket, as the worker does to an idle process: its exit status."""
        self.socket.shutdown(socket.SHUT_RDWR)
        return self.process.wait(DEADLINE_S)
