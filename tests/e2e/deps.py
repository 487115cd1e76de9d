#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""deps.py BUILD: tests/deps.list is complete, and each package in it is used.

What programs load, sources include and scripts call is looked up in dpkg's
lists of files; commands and modules that this machine does not have are passed
over.  Then lists with a line too few or too many must be refused.
"""
import collections
import functools
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

BUILD = sys.argv[1]
LIST = pathlib.Path("tests/deps.list")
# The libraries of each program, beside those of the C compiler.
LINKS = {
    "loggen": "",
    "libspillway.so.0": "uuid zmq",
    "libspillway-job.so.0": "",
    "spillway": "crypto curl expat jansson uuid zmq",
    "spillway-broker": "lmdb systemd uuid zmq",
    "spillway-front": "event-2.1 jansson seccomp systemd uuid zmq",
    "spillway-isolate": "seccomp uuid",
    "spillway-job-email": "crypto curl expat idn2 jansson",
    "spillway-job-exec": "crypto curl expat",
    "spillway-job-logs": "crypto curl expat sqlite3 uuid yajl z zstd",
    "spillway-job-noop": "",
    "spillway-job-transcode": "crypto curl expat jansson seccomp",
    "spillway-job-webhook": "crypto curl expat",
    "spillway-repair": "lmdb uuid",
    "spillway-report": "sqlite3",
    "spillway-spawner": "",
    "spillway-worker": "systemd uuid zmq",
}
COMPILERS = re.compile(r"lib(c|m|asan|ubsan|tsan|gcc_s)\.so|ld-linux")
COMPILER_HEADERS = re.compile(r"libc6-dev|linux-libc-dev|libgcc-\d+-dev")
# Without these there is no checkout, and tests/skips.allowed lists those of Node.
ELSEWHERE = {"make", "git", "nodejs"}
# Quoted text, and comments.
QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?<!\S)\#.*""")
COMMAND = re.compile(r"""(?:^|[;|&(!{`]|\b(?:if|then|do|else|while|until|exec|run|until_true|command\ -v)\s)
    \s*(?:[A-Za-z_]+=[^\s(]*\s+)*([a-z][\w.+-]*)(?=[\s;)|&]|$)""", re.M | re.X)


def output(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False, **options).stdout


def owners(patterns):
    """{path: package} of the files that match."""
    found = {}
    for line in output("dpkg", "-S", *patterns).splitlines() if patterns else []:
        package, _, path = line.partition(": ")
        found.setdefault(path, re.split("[:,]", package)[0])
    return found


def files(*suffixes):
    names = output("find", *(d for d in sorted(os.listdir()) if d not in (".git", "build")), "-type", "f")
    return [pathlib.Path(n) for n in sorted(names.split())
            if n.endswith(suffixes) and not n.startswith(("tests/deps", "tests/e2e/deps"))]


def set_of(path):
    """The set that a file's packages belong to."""
    name = str(path)
    for start, of in (("Makefile", "proof bench tidy"), ("tests/tidy", "tidy"), ("tests/proof/", "proof"), ("tests/", "test"), ("bench/", "bench"),
                      ("examples/demo_transcode", "transcode demo"), ("examples/demo", "demo"),
                      ("examples/mail_server", "demo"), ("examples/", "test"), ("docs/", "test")):
        if name.startswith(start):
            return of
    return "build"


def libraries():
    """{program: {library: package}}"""
    needed = {}
    for program in LINKS:
        dump = output("objdump", "-p", f"{BUILD}/{program}")
        needed[program] = [n for n in re.findall(r"NEEDED +(\S+)", dump) if not COMPILERS.match(n)]
        if "NEEDED" not in dump:
            sys.exit(f"FAILED: nothing is known of {program}")
    names = sorted({n for of in needed.values() for n in of})
    owner = {os.path.basename(path): package for path, package in owners([f"*/{n}" for n in names]).items()}
    return {program: {n: owner.get(n) for n in of} for program, of in needed.items()}


def headers():
    """{(set, header): package}, None if this machine does not have it."""
    used = {(set_of(f), h) for f in files(".c", ".h")
            for h in re.findall(r"^\s*#\s*include\s*<([^>]+)>", f.read_text(), re.M)
            if not os.path.exists(f"producer/{h}") and not os.path.exists(f"jobs/{h}")}
    source = "".join(f"#if __has_include(<{h}>)\n#include <{h}>\n#endif\n" for _, h in sorted(used))
    paths = set(re.findall(r'^# \d+ "(/[^"]+)"', output("cc", "-E", "-x", "c", "-", input=source), re.M))
    owner = owners(sorted(paths))
    return {(of, h): next((owner.get(p) for p in sorted(paths, key=len) if p.endswith(f"/{h}")), None) for of, h in used}


def scripts():
    """[(path, text)]"""
    texts = [(f, f.read_text(errors="replace")) for f in files("") if f.suffix not in (".c", ".h", ".md")]
    return [(f, text) for f, text in texts
            if text.startswith("#!") or f.suffix in (".sh", ".py") or f.name == "Makefile"]


def commands(texts):
    """{(set, command): package} of shell scripts."""
    builtin = set(output("bash", "-c", "compgen -bk").split())
    used = set()
    for path, text in texts:
        if path.suffix != ".py":
            text = QUOTED.sub(lambda m: m[0] if "$(" in m[0] else "''", text)
            used |= {(set_of(path), c) for c in COMMAND.findall(text) if c not in builtin and shutil.which(c)}
    names = sorted({c for _, c in used})
    owner = {os.path.basename(p): package for p, package in
             owners([f"{d}/{c}" for c in names for d in ("/bin", "/sbin", "/usr/bin", "/usr/sbin")]).items()}
    real = {c: os.path.realpath(shutil.which(c)) for c in names if c not in owner}
    by_path = owners(sorted(real.values()))
    return {(of, c): owner.get(c) or by_path.get(real[c]) for of, c in used}


def modules(texts):
    """{(set, module): package} of Python, also within shell scripts."""
    here = {path.stem for path, _ in texts}
    used = set()
    for path, text in texts:
        for line in re.findall(r"^(?:import|from) +(\w[\w, .]*)", text, re.M):
            used |= {(set_of(path), m.split()[0].split(".")[0]) for m in line.split(" import")[0].split(",")}
    used = {(of, m) for of, m in used if m not in sys.stdlib_module_names and m not in here}
    specs = {m: importlib.util.find_spec(m) for _, m in used}
    owner = owners(sorted(s.origin for s in specs.values() if s))
    return {(of, m): owner.get(specs[m].origin) if specs[m] else None for of, m in used}


def depends():
    """{package: what it depends on}, and those that each Debian has."""
    of, base = {}, set()
    for line in output("dpkg-query", "-W", "-f",
                       "${Package}\t${Essential} ${Priority}\t${Pre-Depends}, ${Depends}\n").splitlines():
        package, rank, on = line.split("\t")
        of[package] = set(re.findall(r"(?:^|[,|] *)([a-z0-9][a-z0-9.+-]+)", on))
        if "yes" in rank or "required" in rank:
            base.add(package)
    return of, base


def closure(packages, of):
    todo, done = list(packages), set()
    while todo:
        package = todo.pop()
        if package not in done:
            done.add(package)
            todo += of.get(package, ())
    return done


class Facts:
    def __init__(self):
        texts = scripts()
        self.libraries, self.headers = libraries(), headers()
        self.commands, self.modules = commands(texts), modules(texts)
        self.depends, self.base = depends()
        self.words = "\n".join(text for _, text in texts)


@functools.lru_cache(None)
def listed(path, sets):
    """[(package, what)] of sets, with those that they include."""
    lines = output("tests/deps.sh", "--list", *sets.split(), env={**os.environ, "DEPS_LIST": str(path)})
    return [line.split(" ") for line in lines.splitlines()]


def faults(facts, path, links):
    """What is wrong with a list."""
    listed.cache_clear()
    entries = [line.split("\t") for line in path.read_text().splitlines()
               if line and not line.startswith("#") and "\t+\t" not in line]
    count = collections.Counter(package for _, package, _ in entries)
    found = [f"{package} is listed twice" for package, n in count.items() if n > 1]
    run = listed(path, "run")
    for program, loads in facts.libraries.items():
        short = {re.sub(r"^lib(.*)\.so.*", r"\1", n) for n in loads}
        if short != set(links[program].split()):
            found.append(f"{program} loads {' '.join(sorted(short))}, not {links[program]}")
        found += [f"run: {program} loads {n} of {package}" for n, package in loads.items() if [package, n] not in run]
    for (of, h), package in facts.headers.items():
        have = listed(path, of)
        if not (package in {p for p, _ in have} if package else h in {w for _, w in have}) \
                and not COMPILER_HEADERS.fullmatch(package or ""):
            found.append(f"{of}: <{h}> is of {package}")
    for (of, c), package in facts.commands.items():
        have = closure({p for p, _ in listed(path, of)}, facts.depends) | facts.base | ELSEWHERE
        if package and package not in have:
            found.append(f"{of}: the command {c} is of {package}")
    for (of, m), package in facts.modules.items():
        if package not in {p for p, _ in listed(path, of)}:
            found.append(f"{of}: the module {m} is of {package}")
    return found + [f"{package}: {what} is not used" for _, package, what in entries if not used(facts, package, what)]


def used(facts, package, what):
    if ".so." in what:
        return (what, package) in {(n, p) for loads in facts.libraries.values() for n, p in loads.items()}
    if what.endswith(".h"):
        return any(h == what and p in (package, None) for (_, h), p in facts.headers.items())
    if what.startswith("/"):
        return os.path.exists(what)
    return re.search(rf"(?<!\w){re.escape(what)}(?![\w-])", facts.words)


def planted(text):
    """(list, what must be said of it)"""
    for line, want in (
            ("run\tlibcurl4\tlibcurl.so.4", "spillway-job-email loads libcurl.so.4 of libcurl4"),
            ("build\tuthash-dev\tuthash.h", "<uthash.h> is of uthash-dev"),
            ("build\tlibevent-dev\tevent2/event.h", "<event2/http.h> is of libevent-dev"),
            ("test\tlibcmocka-dev\tcmocka.h", "<cmocka.h> is of libcmocka-dev"),
            ("test\tmandoc\tmandoc", "the command mandoc is of mandoc"),
            ("demo\tcurl\tcurl", "demo: the command curl is of curl"),
            ("test\tpython3-zmq\tzmq", "the module zmq is of python3-zmq")):
        if f"{line}\n" not in text:
            sys.exit(f"FAILED: there is no line to leave out: {line}")
        yield text.replace(f"{line}\n", ""), want
    for line, want in (
            ("test\tzstd\tzstd", "zstd is listed twice"),
            ("run\tlibpq5\tlibpq.so.5", "libpq5: libpq.so.5 is not used"),
            ("run\tlibcurl3-gnutls\tlibcurl.so.4", "libcurl3-gnutls: libcurl.so.4 is not used"),
            ("build\tlibpq-dev\tlibpq-fe.h", "libpq-dev: libpq-fe.h is not used"),
            ("test\tcowsay\tcowsay", "cowsay: cowsay is not used"),
            ("run\tnowhere\t/nowhere/at/all", "nowhere: /nowhere/at/all is not used")):
        yield f"{text}{line}\n", want


def main():
    facts = Facts()
    for name, some in vars(facts).items():
        if not some:
            sys.exit(f"FAILED: there are no {name}")
    found = faults(facts, LIST, LINKS)
    if found:
        sys.exit("FAILED: tests/deps.list:\n" + "\n".join(sorted(found)))
    copy = pathlib.Path(sys.argv[2]) / "planted.list"
    for text, want in planted(LIST.read_text()):
        copy.write_text(text)
        found = faults(facts, copy, LINKS)
        if not any(want in f for f in found):
            sys.exit(f"FAILED: it was not found that {want}, only {found}")
    if not faults(facts, LIST, {**LINKS, "spillway-broker": LINKS["spillway-broker"] + " curl"}):
        sys.exit("FAILED: a library that the broker does not load was not found")
    print(f"{len(listed(LIST, 'run transcode build demo test proof bench tidy'))} packages, all of them used")


main()
