#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs.py            runs README.md, CONTRIBUTING.md, docs/*.md and the rooms' README.md
docs.py DOCUMENT...   these alone
docs.py --self        plants one fault of each kind and sees each found

The `sh` blocks of a document run in order, in one shell, in a folder of their
own that shows the checkout, with a broker of their own.  A command that fails
is a failure, and so is a daemon in the background that ends or does not get
ready.  Comments before a block, which a reader does not see, may say:

    <!-- given: COMMANDS -->    run first: makes the files that the block has
    <!-- prints: TEXT -->       what the block must print
    <!-- not run: REASON -->    the block is passed over, and counted
    <!-- changes: WHAT -->      the blocks change the checkout: they get a copy

Paths of a system (/srv and the like) are put below the folder, and port 8080
is one that is free.  An `ini` block is checked by its daemon.  Links, and names
such as `wire/msg.c` and `wire/msg.c:msg_open()`, must lead to something."""
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BLOCK = re.compile(r"((?:^<!--(?:(?!-->).)*-->\s*?\n)*)^```(.*?)\n(.*?)^```$", re.M | re.S)
COMMENT = re.compile(r"<!-- *(given|prints|not run|changes): (.*?)\s*-->", re.S)
KINDS = ("sh", "text", "ini", "c", "python", "sql", "make")
DAEMON = re.compile(r"^spillway-(?:broker|worker|front)\b(?:[^\n]|(?<=\\)\n)*&$", re.M)
SYSTEM = re.compile(r"(?<![\w.$}])(/srv|/etc/spillway|/run/spillway|/var)/")
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
NAMED = re.compile(r"`((?:[\w-]+/)+[\w.-]+\.(?:[ch]|sh|py|mjs|conf|md))(?::(\w+)\(\))?`")
LIMIT_S = 300

# Before a document and after each of its blocks.
START = """
set -Eeuo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
known=
spillway-broker --data "$TMPDIR/data" --listen "$SPILLWAY_BROKER" &
daemons=1
# Fails when a process in the background has; bash lists one that ended once.
alive() {
	local p
	jobs -p >"$TMPDIR/jobs"
	known="$known $(cat "$TMPDIR/jobs")"
	for p in $known; do kill -0 "$p" 2>/dev/null || wait "$p"; done
}
# Waits until all daemons are ready.
ready() {
	local end=$((SECONDS + 60))
	alive
	until [ "$(cat "$TMPDIR"/out.* | grep -cE 'ev=(ready|joined) ')" -ge "$daemons" ]; do
		alive
		[ $SECONDS -lt $end ] || { echo "failed: a daemon is not ready" >&2; exit 1; }
		read -rt 0.05 <> <(:) || :
	done
}
ready
"""


def blocks(text):
    """(line, kind, {comment: [texts]}, body) of each fenced block."""
    for m in BLOCK.finditer(text):
        said = {}
        for what, words in COMMENT.findall(m[1]):
            said.setdefault(what, []).append(words)
        yield text.count("\n", 0, m.start(2)) + 1, m[2].strip(), said, m[3]


def port_free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def folder_made(root, build, copied):
    """A folder that looks like a checkout, with the programs of `build`."""
    def spared(folder, names):
        """Programs of tests, which are made anew, and files that come and go."""
        if not folder.startswith(build + "/tests"):
            return [n for n in names if n == "__pycache__"]
        return [n for n in names if n == "logs" or "." not in n and os.path.isfile(os.path.join(folder, n))]

    folder = tempfile.mkdtemp(prefix="spillway-docs.")
    os.makedirs(folder + "/build")
    os.makedirs(folder + "/.t")
    for name in os.listdir(root):
        at, to = os.path.join(root, name), os.path.join(folder, name)
        if name in ("build", ".git"):
            continue
        if not copied:
            os.symlink(at, to)
        elif os.path.isdir(at):
            shutil.copytree(at, to, symlinks=True, ignore=spared)
        else:
            shutil.copy2(at, to)
    if copied:
        shutil.copytree(build, folder + "/build/release", symlinks=True, ignore=spared)
    else:
        os.symlink(build, folder + "/build/release")
    return folder


def script(runs, folder):
    port, lines = str(port_free()), ["exec >\"$TMPDIR/out.0\" 2>&1", START]
    for line, said, body in runs:
        body = SYSTEM.sub(lambda m: folder + "/.t" + m[0], "\n".join(said.get("given", []) + [body]))
        body = body.replace(":8080", ":" + port)
        lines += [f"exec >\"$TMPDIR/out.{line}\" 2>&1", f"echo {line} >\"$TMPDIR/at\"", body,
                  f"daemons=$((daemons + {len(DAEMON.findall(body))}))", "ready"]
    return "\n".join(lines)


def served(body):
    """A queue for each kind of job that has a section: its program checks that."""
    kinds = sorted(set(re.findall(r"^\[([a-z]+)[] ]", body, re.M)) - {"worker"})
    return [word for kind in kinds or ["noop"] for word in ("--queue", f"{kind}={kind}")]


def ini_check(name, line, body, build):
    """The fault of an example of a file, as --check-config says it."""
    with tempfile.TemporaryDirectory(prefix="spillway-docs.") as folder:
        for d in ("var/log/spillway", "srv"):
            os.makedirs(f"{folder}/{d}")
        body = re.sub(r"^module = .*$", f"module = {sys.executable}", SYSTEM.sub(lambda m: folder + m[0], body), flags=re.M)
        with open(folder + "/conf", "w", encoding="utf-8") as f:
            f.write(body)
        command = (["spillway-front", "--config"] if "[front]" in body else
                   ["spillway-broker", "--config"] if "[broker]" in body else
                   ["spillway-worker"] + served(body) + ["--jobs"])
        p = subprocess.run([f"{build}/{command[0]}"] + command[1:] + [folder + "/conf", "--check-config"],
                           capture_output=True, text=True, check=False, timeout=60)
    return [f"{name}:{line}: {p.stderr}"] if p.returncode else []


def descendants():
    """What was started from here and still runs, orphans too: they come to this process."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                pid, rest = int(path.split("/")[2]), f.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(rest[1]), []).append(pid)
    found, queue = [], [os.getpid()]
    while queue:
        queue += parents.get(queue[0], [])
        found += parents.get(queue.pop(0), [])
    return found


def end_all():
    for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 30)):
        end = time.monotonic() + seconds
        for pid in descendants():
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        while time.monotonic() < end:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.02)
            except ChildProcessError:
                return


def run(name, runs, root, build):
    """Faults of the blocks of one document."""
    folder = folder_made(root, build, any("changes" in said for _, said, _ in runs))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SPILLWAY_", "AWS_", "XDG_"))}
    env.update(PATH=build + ":" + env["PATH"], SPILLWAY_BROKER=f"ipc://{folder}/.t/b", NO_COLOR="1",
               HOME=folder + "/.t", TMPDIR=folder + "/.t")
    for d in ("srv", "etc/spillway", "run/spillway", "var/tmp", "var/log/spillway", "var/lib/spillway"):
        os.makedirs(f"{folder}/.t/{d}")
    try:
        p = subprocess.Popen(["bash", "-c", script(runs, folder)], cwd=folder, env=env,
                             stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = p.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            status = "none in %d s" % LIMIT_S
        end_all()
        out = {os.path.basename(f)[4:]: open(f, encoding="utf-8", errors="replace").read()
               for f in glob.glob(folder + "/.t/out.*")}
        at = open(folder + "/.t/at").read().strip() if os.path.exists(folder + "/.t/at") else "0"
        if status != 0:
            tail = "\n    ".join(out.get(at, "").splitlines()[-15:])
            return [f"{name}:{at}: exit status {status}\n    {tail}"]
        return [f"{name}:{line}: does not print '{text}' but\n    {out[str(line)]}"
                for line, said, _ in runs for text in said.get("prints", []) if text not in out[str(line)]]
    finally:
        shutil.rmtree(folder)


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {"#" + re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", h).lower()).replace(" ", "-") for h in heads}


def leads(name, text, root):
    """Faults of links and of names of files and functions."""
    def read(path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    here = os.path.dirname(os.path.join(root, name))
    for path, anchor in LINK.findall(text):
        to = os.path.join(here, path) if path else os.path.join(root, name)
        if "://" in path or path.startswith("mailto:"):
            continue
        if not os.path.exists(to):
            yield f"{name}: the link {path} leads nowhere"
        elif anchor and to.endswith(".md") and anchor not in anchors(read(to)):
            yield f"{name}: the link {path}{anchor} leads nowhere"
    for path, function in NAMED.findall(text):
        at = [p for p in (os.path.join(root, path), os.path.join(here, path)) if os.path.exists(p)]
        if not at:
            yield f"{name}: there is no {path}"
        elif function and not re.search(rf"^{function}\(", read(at[0]), re.M):
            yield f"{name}: {path} has no function {function}"


def check(names, root, build):
    faults, ran, passed = [], 0, 0
    for name in names:
        with open(os.path.join(root, name), encoding="utf-8") as f:
            text = f.read()
        faults += leads(name, text, root)
        runs = []
        for line, kind, said, body in blocks(text):
            if kind not in KINDS:
                faults.append(f"{name}:{line}: a block must be of a kind of {', '.join(KINDS)}")
            elif kind == "ini":
                faults += ini_check(name, line, body, build)
            elif kind == "sh" and "changes" in said and os.path.basename(build) != "release":
                print("skipped: changes: objects of another build")
            elif kind == "sh" and name == "docs/transcode.md" and os.path.basename(build) == "asan":
                print("skipped: transcode: a sanitizer does not live within a limit of memory")
            elif kind == "sh" and "not run" in said:
                passed += 1
                print(f"not run: {name}:{line}: {said['not run'][0]}")
            elif kind == "sh":
                runs.append((line, said, body))
        if runs:
            ran += len(runs)
            faults += run(name, runs, root, build)
    if ran == 0:
        faults.append("there are no blocks to run")
    for f in faults:
        print("FAILED:", f)
    print(f"{ran} blocks run, {passed} not")
    return faults


PLANTED = (
    ("is refused", "```sh\nspillway put q x --delay 3650d\n```\n", "--delay must be"),
    ("is no command", "```sh\nspilway put q x\n```\n", "failed: spilway"),
    ("is in the middle", "```sh\nfalse\ntrue\n```\n", "failed: false"),
    ("is a daemon", "```sh\nspillway-worker --queue q=nothing &\n```\n", "exit status 64"),
    ("prints something else", "<!-- prints: 7 -->\n```sh\necho 8\n```\n", "does not print '7'"),
    ("has a wrong key", "```ini\n[logs]\nnone = 1\n```\n```sh\n:\n```\n", "none"),
    ("has no kind", "```\nfalse\n```\n```sh\n:\n```\n", "must be of a kind"),
    ("is not there", "Nothing.\n", "no blocks to run"),
    ("is not run", "<!-- not run: it must not be -->\n```sh\nfalse\n```\n", "no blocks to run"),
    ("has a link", "[x](no.md)\n```sh\n:\n```\n", "no.md leads nowhere"),
    ("has an anchor", "[x](#no)\n```sh\n:\n```\n", "#no leads nowhere"),
    ("names a file", "`wire/none.c`\n```sh\n:\n```\n", "there is no wire/none.c"),
    ("names a function", "`base/error.c:none()`\n```sh\n:\n```\n", "no function none"),
)


def controls(root, build):
    """Each planted fault must be found, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="spillway-docs.") as top:
        for name in os.listdir(root):
            os.symlink(os.path.join(root, name), os.path.join(top, name))
        for what, text, want in PLANTED:
            with open(top + "/planted.md", "w", encoding="utf-8") as f:
                f.write(text)
            faults = check(["planted.md"], top, build)
            if len(faults) != 1 or want not in faults[0]:
                sys.exit(f"FAILED: the control: a block that {what}: {faults}")
    print(f"{len(PLANTED)} planted faults were found")


def main():
    root = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../../..")
    build = os.environ["SPILLWAY_BIN"]
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    if sys.argv[1:] == ["--self"]:
        return controls(root, build)
    found = [os.path.relpath(p, root) for w in ("docs/*.md", "*/README.md", "*/*/README.md")
             for p in glob.glob(f"{root}/{w}")]
    names = sys.argv[1:] or ["README.md", "CONTRIBUTING.md"] + sorted(
        p for p in set(found) if not p.startswith("build/"))
    return 1 if check(names, root, build) else 0


sys.exit(main())
