# SPDX-License-Identifier: MIT
"""top.py WIDTH: runs `spillway top` on a terminal of so many columns and types
keys.  A screen of the bytes that it writes is kept, so that a line that would
wrap, or a column that is missing, is seen as a person sees it."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

WIDTH, ROWS = int(sys.argv[1]), 30


class Screen:
    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, WIDTH, 0, 0))
            os.environ["TERM"] = "xterm"
            os.execvp("spillway", ["spillway", "top", "--interval", "200ms"])
        self.raw = b""
        self.shown = ""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def frames(self):
        """The text of the whole screens so far; the last may be in part."""
        text = self.raw.decode("utf-8", "replace")
        return text.split("\033[H")[1:-1]

    def until(self, pattern):
        end = time.monotonic() + int(os.environ["DEADLINE_S"])
        while True:
            for frame in self.frames()[-3:]:
                plain = re.sub("\033\\[[0-9;?]*[A-Za-z]", "", frame)
                lines = plain.replace("\r", "").split("\n")
                for line in lines:
                    if len(line) > WIDTH:
                        sys.exit(f"FAILED: {len(line)} columns of {WIDTH}: {line!r}")
                if len(lines) > ROWS:
                    sys.exit(f"FAILED: {len(lines)} lines of {ROWS}")
                if re.search(pattern, "\n".join(lines), re.M):
                    self.raw = b"\033[H" + frame.encode() + b"\033[H"
                    return plain
            if time.monotonic() > end or not select.select([self.fd], [], [], int(os.environ["DEADLINE_S"]))[0]:
                sys.exit(f"FAILED: no {pattern!r} in {self.frames()[-1:]}")
            try:
                self.raw += os.read(self.fd, 65536)
            except OSError:
                sys.exit(f"FAILED: ended; no {pattern!r} in {self.raw[-3000:]!r}")


def state(job):
    out = subprocess.run(["spillway", "list", f"id={job}"], capture_output=True, text=True, check=True).stdout
    return out.split("\n")[1].split()[2]


def wait_state(job, want):
    while state(job) != want:
        pass


def select_job(s, job):
    """Goes down until the job of the list is selected."""
    s.until(f"^[ >] {job} ")
    at = "no selection"
    while at != job:
        s.type("j")
        at = re.search("^> (\\S+)", s.until(f"^> (?!{at} )"), re.M)[1]


def main():
    running, later, dead = os.environ["RUNNING"], os.environ["LATER"], os.environ["DEAD"]
    s = Screen()
    s.until("RUNNING JOB")
    s.until(f"^  {running} work .* 40%")
    s.type("\033[B" * 9)
    s.until(f"^> {running} ")
    s.type("c")
    s.until(f"cancel {running}\\? y/n")
    s.type("n")
    s.until("esc no selection")
    wait_state(running, "leased")
    s.type("\t")  # delayed
    s.until(f"^  {later} ")
    s.type("\033[B" * 9)
    s.until(f"^> {later} ")
    s.type("n")
    s.until("1 job made ready")
    s.type("\t")  # dead
    s.until("DEAD JOB")
    s.type("k")  # up from no selection is the last job
    s.until(f"^> {dead} ")
    s.type("\033")
    s.until(f"^  {dead} ")
    s.type("j" * 9)
    s.until(f"^> {dead} ")
    s.type("r")
    s.until("1 job redriven")
    s.type("\033")
    s.until("q quit")
    s.type("j")
    s.until("^> [a-z]")
    s.type("p")
    s.until("queue [a-z]+ is paused")
    s.type("p")
    s.until("queue [a-z]+ goes on")
    s.type("\r")
    s.until("enter its jobs")
    s.type("\t\r")  # ready, of all queues
    s.until("READY JOB")
    s.type("\033")
    s.until("q quit")
    select_job(s, os.environ["MOVED"])
    s.type("r")  # back from its dead-letter queue
    s.until("1 job redriven")
    s.type("r")
    s.until("not redriven: the job has not died")
    plain = os.environ["PLAIN"]
    s.type("\033")
    s.until("q quit")
    select_job(s, plain)
    s.type("n")  # a line that has no room on a narrow screen
    s.until("does not allow this")
    s.type("b")
    s.until(f"bury {plain}\\? y/n")
    s.type("y")
    s.until("1 job buried")
    wait_state(plain, "dead")
    s.type("\t")  # running
    s.type("\033")
    s.until(f"^  {running} work ")
    s.type("j" * 9)
    s.until(f"^> {running} ")
    s.type("cy")
    s.until("1 job cancelled")
    wait_state(running, "cancelled")
    s.type("q")
    while True:
        try:
            if not os.read(s.fd, 65536):
                break
        except OSError:
            break
    if os.waitstatus_to_exitcode(os.waitpid(s.pid, 0)[1]) != 0:
        sys.exit("FAILED: the exit status of top")


main()
