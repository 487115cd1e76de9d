#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""completion.py SHELL SCRIPT FILE: a real shell on a terminal completes lines.

The keys of each line and a tab are typed; what the shell made of the line is
read by putting `echo mark:` before it and pressing return.  bash sources the
script, zsh and fish find it by themselves in its folder.
"""
import os
import pty
import re
import select
import sys

shell, script, path = sys.argv[1:]
folder, name = os.path.split(path)
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f"source {script}"),
    "zsh": (["zsh", "-f", "-i"],
            f"fpath=({os.path.dirname(script)} $fpath); autoload -Uz compinit; compinit -u -D; bindkey -e"),
    "fish": (["fish", "--no-config", "-i"], f"set -p fish_complete_path {os.path.dirname(script)}"),
}
# What is typed, and what it becomes.
LINES = [
    ("spillway canc", "spillway cancel"),
    ("spillway dead redr", "spillway dead redrive"),
    ("spillway dead ret", "spillway dead ret"),
    ("spillway --broker tcp://127.0.0.1:1 queue sho", "spillway --broker tcp://127.0.0.1:1 queue show"),
    ("spillway put mail --content", "spillway put mail --content-type"),
    ("spillway put --pat", "spillway put --pat"),
    ("spillway list --dry", "spillway list --dry"),
    ("spillway put mail --unique k --unique-also don", "spillway put mail --unique k --unique-also done"),
    ("spillway list state=del", "spillway list state=delayed"),
    ("spillway dead list --limit 5 err", "spillway dead list --limit 5 error~"),
    ("spillway list queue=nightly-r", "spillway list queue=nightly-reports"),
    ("spillway pause nightly-r", "spillway pause nightly-reports"),
    ("spillway queue set nightly-reports max_cra", "spillway queue set nightly-reports max_crashes="),
    ("spillway put nightly-reports nightly-r", "spillway put nightly-reports nightly-r"),
    ("spillway help compl", "spillway help completion"),
    ("spillway completion fi", "spillway completion fish"),
    (f"spillway put mail --file {folder}/{name[:5]}", f"spillway put mail --file {path}"),
    (f"spillway blob put {folder}/{name[:5]}", f"spillway blob put {path}"),
]


class Terminal:
    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", PS1="", HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder)
            os.execvp(argv[0], argv)
        self.text = b""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def until(self, pattern):
        """The match; the terminal's text up to its end is dropped."""
        while True:
            m = re.search(pattern, self.text)
            if m:
                self.text = self.text[m.end():]
                return m
            if not select.select([self.fd], [], [], 60)[0]:
                sys.exit(f"FAILED: {shell}: silent; {self.text!r}")
            try:
                self.text += os.read(self.fd, 65536)
            except OSError:
                sys.exit(f"FAILED: {shell}: ended; {self.text!r}")


def main():
    argv, start = START[shell]
    t = Terminal(argv)
    t.type(start + "; echo rea''dy\r")
    t.until(rb"ready\r?\n")
    failed = 0
    for typed, want in LINES:
        t.type(typed + "\t\x01echo mark'':\x05\r")
        got = t.until(rb"mark:([^\r\n]*)\r?\n").group(1).decode().strip()
        if got != want:
            failed += 1
            print(f"FAILED: {shell}: '{typed}' became '{got}', not '{want}'")
    t.type("exit\r")
    os.waitpid(t.pid, 0)
    if failed:
        sys.exit(1)
    print(f"{shell}: {len(LINES)} lines completed")


if __name__ == "__main__":
    main()
