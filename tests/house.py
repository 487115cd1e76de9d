#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""house.py: the rules of the house that can be counted, and the picture.

Plants one breach of each rule first and sees each found; then prints a line
for each breach of the tree, or the rooms by floor.

Rules: the rooms' include lists (tests/house.rooms), no circle between rooms or
between the files of a room, at most 30 files in a folder, 60 lines in a
function, 600 in a .c, 300 in a .h, 150 in the Makefile, 3 levels of nesting, no word of
tests/house.words in an identifier, an SPDX line in each source, nothing
unfinished, prose in Markdown and comments of scripts within 100 columns,
comments in C within 80, no entry of tests/skips.allowed for a test that there
is not.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

FILES_MAX, FUNCTION_MAX, FLOORS_MAX, PROSE_MAX, COMMENT_MAX = 30, 60, 6, 100, 80
LINES_MAX = {".c": 600, ".h": 300, "Makefile": 150}
# Folders that include what they need; their breaches of other rules count.
GUESTS = ("tests", "bench", "docs", "examples")
SOURCE = (".c", ".h", ".sh", ".py", ".mjs")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
# A link too long to wrap, as an item of a list or a reference too.
ONE_WORD = re.compile(r"\s*([-*] |\d+\. |\[[^]]*\]: )?\S+")
# What is no code in C: a comment, a string, a character constant.
NO_CODE = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DOCSTRING = re.compile(r'^[ \t]*""".*?"""', re.M | re.S)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def table(path):
    """Lines of a table without comments and blanks, as lists of words."""
    return [line.replace(":", " ").split() for line in read(path).splitlines()
            if line.strip() and not line.startswith("#")]


def edges(code):
    """{file: [files it includes]}, both relative to the root; a bare name is a neighbour's."""
    return {f: [n if "/" in n else f"{os.path.dirname(f)}/{n}" for n in INCLUDE.findall(text)] for f, text in code.items()}


def circles(graph):
    """The strongly connected components of more than one node (R. Tarjan, 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def rooms_check(code, lists):
    graph, files = collections.defaultdict(set), collections.defaultdict(set)
    for path, includes in edges(code).items():
        room = os.path.dirname(path)
        for name in includes:
            there = os.path.dirname(name)
            if there == room:
                files[os.path.splitext(path)[0]].add(os.path.splitext(name)[0])
            elif path.split("/")[0] not in GUESTS:
                graph[room].add(there)
                if there not in lists.get(room, ()):
                    yield f"{path}: {room} may not include {name} (tests/house.rooms)"
    for room in sorted({os.path.dirname(p) for p in code} - set(lists)):
        if room and room.split("/")[0] not in GUESTS:
            yield f"{room}: not in tests/house.rooms"
    for path in files:
        files[path].discard(path)
    for circle in circles(graph):
        yield "a circle of rooms: " + ", ".join(circle)
    for circle in circles(files):
        yield "a circle of files: " + ", ".join(circle)
    floors = floors_of(graph)
    if floors and max(floors.values()) > FLOORS_MAX:
        yield f"{max(floors.values())} floors, not {FLOORS_MAX}"


def floors_of(graph):
    floors = {}

    def floor(room):
        if room not in floors:
            floors[room] = 1  # of a circle, which is a breach by itself
            floors[room] = 1 + max([floor(r) for r in graph.get(room, ())] or [0])
        return floors[room]

    for room in list(graph):
        floor(room)
    return floors


def folders_check(paths):
    # The corpora are data: as many as the fuzzers' seeds are.
    count = collections.Counter(os.path.dirname(p) for p in paths if not p.startswith("tests/corpus/"))
    for folder, n in sorted(count.items()):
        if n > FILES_MAX:
            yield f"{folder or '.'}: {n} files, not {FILES_MAX}"


def lines_check(path, text):
    lines = text.split("\n")
    n = len(lines) - 1
    most = LINES_MAX.get(os.path.splitext(path)[1]) or LINES_MAX.get(os.path.basename(path))
    if most and n > most:
        yield f"{path}: {n} lines, not {most}"
    if "SPDX-License-Identifier: MIT" not in "\n".join(lines[:3]):
        yield f"{path}: no SPDX line"
    for at, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield f"{path}:{at}: unfinished"
    if not path.endswith((".c", ".h")):
        return
    start = 0
    for at, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = at
        elif line.startswith("}") and start:
            if at - start - 1 > FUNCTION_MAX:
                yield f"{path}:{start}: a function of {at - start - 1} lines, not {FUNCTION_MAX}"
            start = 0
        if re.match(r"\t{4,}(if|for|while|do|switch|else)\b", line):
            yield f"{path}:{at}: more than 3 levels"


def code_only(text):
    """Without comments, strings and character constants; lines stay."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return NO_CODE.sub(blank, text)


def comments_check(path, text):
    lines, most, spans = text.split("\n"), PROSE_MAX, []
    if path.endswith((".c", ".h")):
        most = COMMENT_MAX
        spans = [m.span() for m in NO_CODE.finditer(text) if m.group(0).startswith("/*")]
    elif path.endswith(".py"):
        spans = [m.span() for m in DOCSTRING.finditer(text)]
    rows = {n for start, end in spans for n in range(text.count("\n", 0, start), text.count("\n", 0, end) + 1)}
    if most == PROSE_MAX:
        rows |= {n for n, line in enumerate(lines) if line.lstrip().startswith(("#", "//"))}
    for n in sorted(rows):
        columns = len(lines[n].expandtabs(8))
        if columns > most:
            yield f"{path}:{n + 1}: a comment of {columns} columns, not {most}"


def words_check(path, text, words):
    for at, line in enumerate(code_only(text).split("\n"), 1):
        if line.startswith("#include"):
            continue
        for name in re.findall(r"[A-Za-z_]\w*", line):
            for word in set(name.lower().split("_")) & words.keys():
                if path not in words[word]:
                    yield f"{path}:{at}: {name}: no identifier says '{word}' (tests/house.words)"


def prose_check(path, text):
    fence = False
    for at, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fence = not fence
        elif len(line) > PROSE_MAX and not fence and not line.lstrip().startswith("|") and not ONE_WORD.fullmatch(line):
            yield f"{path}:{at}: {len(line)} columns of prose, not {PROSE_MAX}"


def skips_check(paths):
    tests = {os.path.splitext(os.path.basename(p))[0] for p in paths if p.startswith("tests/")}
    for row in (line.split() for line in read("tests/skips.allowed").splitlines() if line and line[0] != "#"):
        test = row[0].split("/")[-1].split(":")[0]
        if test not in tests:
            yield f"tests/skips.allowed: there is no test {test}"


def breaches(paths):
    texts = {p: read(p) for p in paths if p.endswith(SOURCE + (".md",)) or os.path.basename(p) == "Makefile"}
    code = {p: t for p, t in texts.items() if p.endswith((".c", ".h"))}
    lists = {row[0]: row[1:] for row in table("tests/house.rooms")}
    words = {row[0]: row[1:] for row in table("tests/house.words")}
    yield from rooms_check(code, lists)
    yield from folders_check(paths)
    yield from skips_check(paths)
    for path, text in sorted(texts.items()):
        if path.endswith(".md"):
            yield from prose_check(path, text)
            continue
        yield from lines_check(path, text)
        yield from comments_check(path, text)
        if path in code:
            yield from words_check(path, text, words)


def picture(paths):
    graph, count = collections.defaultdict(set), collections.Counter()
    for path in (p for p in paths if p.endswith((".c", ".h"))):
        room = os.path.dirname(path)
        count[room] += 1
        if room and room.split("/")[0] not in GUESTS:
            graph[room] |= {os.path.dirname(n) for n in INCLUDE.findall(read(path)) if "/" in n} - {room}
    floors = floors_of(graph)
    for room in sorted(floors, key=lambda r: (-floors[r], r)):
        print(f"{floors[room]}  {room:15} {count[room]:3} files  -> {' '.join(sorted(graph[room]))}")
    arrows = sum(len(to) for to in graph.values())
    print(f"{len(floors)} rooms, {max(floors.values())} floors, {arrows} arrows, {sum(count.values())} files in C")


def listed():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
    return sorted(p for p in out.stdout.split("\n") if p and os.path.exists(p))


# What is planted, and what must be said of it.
PLANTS = {
    "tests/skips.allowed": ("no_such_test a reason\n", "there is no test no_such_test"),
    "wire/bad.c": ('#include "worker/x.h"\n', "may not include"),
    "attic/x.c": ("\n", "not in tests/house.rooms"),
    "wire/a.h": ('#include "wire/b.h"\n', "circle of files"),
    "wire/b.h": ('#include "wire/a.h"\n', "circle of files"),
    "base/up.c": ('#include "wire/a.h"\n', "circle of rooms"),
    "wire/down.c": ('#include "base/up.h"\n', "circle of rooms"),
    "wire/long.c": ("int\nf(void)\n{\n" + "\t;\n" * 61 + "}\n", "function of 61 lines"),
    "wire/file.c": ("\n" * 600, "601 lines"),
    "wire/file.h": ("\n" * 300, "301 lines"),
    "wire/deep.c": ("\t\t\t\tif (1)\n", "3 levels"),
    "wire/word.c": ("int sw_par" "cel_add;\n", "no identifier says"),
    "wire/do.c": ("/* TO" "DO */\n", "unfinished"),
    "wire/bare.c": (None, "no SPDX line"),
    "docs/wide.md": ("word " * 21 + "\n", "docs/wide.md:2: 105 columns of prose"),
    "docs/link.md": ("[a](b) " + "word " * 21 + "\n", "docs/link.md:2: 112 columns of prose"),
    "docs/tail.md": ("word " * 21 + "[a](b)\n", "docs/tail.md:2: 111 columns of prose"),
    "docs/item.md": ("- a list\n\n    " + "word " * 21 + "\n", "docs/item.md:4: 109 columns of prose"),
    "wire/wide.h": ("int a; /* " + "word " * 14 + "*/\n", "wire/wide.h:2: a comment of 82 columns"),
    "wire/tab.h": ("/* a\n\t\t\t" + "word " * 12 + "\n*/\n", "wire/tab.h:3: a comment of 84 columns"),
    "tests/wide.py": ('"""a\n\n' + "word " * 21 + '"""\n', "tests/wide.py:4: a comment of 108 columns"),
    "tests/wide.sh": ("# " + "word " * 20 + "\n", "a comment of 102 columns"),
    "Makefile": ("\n" * 150, "151 lines"),
    **{f"link/{n}.c": ("\n", "31 files") for n in range(31)},
    **{f"floor{n}/x.c": (f'#include "floor{n + 1}/x.h"\n', "floors, not 6") for n in range(7)},
}


def controls():
    root, rooms, words = os.getcwd(), read("tests/house.rooms"), read("tests/house.words")
    with tempfile.TemporaryDirectory() as dir:
        os.chdir(dir)
        os.makedirs("tests")
        for name, text in (("tests/house.rooms", rooms), ("tests/house.words", words)):
            with open(name, "w") as f:
                f.write(text)
        for path, (text, _) in PLANTS.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "w") as f:
                f.write("" if text is None else "/* SPDX-License-Identifier: MIT */\n" + text)
        found = "\n".join(breaches(sorted(PLANTS)))
        os.chdir(root)
    return [f"{path}: {said}" for path, (_, said) in PLANTS.items() if said not in found]


def main():
    missed = controls()
    if missed:
        print("FAILED: planted, and not found:", *missed, sep="\n")
        return 1
    paths = listed()
    if not any(p.endswith(".c") for p in paths):
        print("FAILED: there is no source to check")
        return 1
    found = list(breaches(paths))
    for line in found:
        print(line)
    if found:
        print(f"FAILED: {len(found)} breaches")
        return 1
    picture(paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
