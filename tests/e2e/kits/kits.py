# SPDX-License-Identifier: MIT
"""kits.py KIT COMMAND...: a kit of examples/ against the worker's side of the protocol."""
import re
import sys

sys.dont_write_bytecode = True
import kept_driver

ALL_BYTES = bytes(range(256)) * 3
command = sys.argv[2:]
is_shell = sys.argv[1] == "shell"


def begin(**options):
    kept = kept_driver.Kept(command, **options)
    kept.expect("ready", "1")
    return kept


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def good(kept):
    """After whatever was before, the process does a job."""
    end, result, others = kept.run(b"a good job")
    same((end.word, end.bytes, result, others), ("done", b"", b"a good job", []))


def ends(kept, body, word, text, *args):
    end, result, _ = kept.run(body)
    same((end.word, result), (word, None))
    same(end.args[1:1 + len(args)], list(args))
    assert text in end.bytes and len(end.bytes) <= 4096, end
    good(kept)


def bodies_and_results_have_any_bytes():
    with begin() as kept:
        for body in ALL_BYTES, b"\n", b"\0", b"12 job x\n", b"y" * 131072, b"z" * 65536:
            end, result, _ = kept.run(body, {"a": "b"} if body == ALL_BYTES else None)
            if len(body) > 65536 and is_shell:
                same(end.word, "fail")
            else:
                same((end.word, result), ("done", body))
        end, result, _ = kept.run(b"")
        same((end.word, result or b""), ("done", b""))
        same(kept.close(), 0)


def messages_may_be_cut_anywhere():
    with begin(step=1) as kept:
        for _ in range(3):
            end, result, _ = kept.run(ALL_BYTES, {"content-type": "a/b", "c": "d=e"})
            same((end.word, result), ("done", ALL_BYTES))


def a_job_ends_as_its_handler_says():
    with begin() as kept:
        ends(kept, b"fail no such user", "fail", b"no such user")
        ends(kept, b"again", "retry", b"busy")
        ends(kept, b"raise what was not expected", "retry", b"what was not expected")
        if not is_shell:
            ends(kept, b"retry 30000", "retry", b"busy", "30000")
        ends(kept, b"fail " + b"x" * 10000, "fail", b"x" * 4000)
        ends(kept, b"large 200000", "fail", b"")


def a_job_sees_what_it_is():
    with begin() as kept:
        _, result, _ = kept.run(b"facts", queue="my_q-1", attempt=3, most=7, timeout_ms=1500)
        same(result, b"my_q-1 3" if is_shell else b"my_q-1 3 7 1500")


def headers_progress_and_further_jobs_go_through():
    headers = {"content-type": "text/plain", "empty": "", "k": "v=w", "u": "\u00e9"}
    with begin() as kept:
        _, result, _ = kept.run(b"headers", headers)
        same(result.decode(), repr(sorted(headers.items())))
        end, _, others = kept.run(b"put next-1")
        same((end.word, len(others), others[0].word), ("done", 1, "put"))
        same(others[0].args[1:], ["next-1", "10"])
        same(others[0].bytes, b"k=v\0l=w w\0a\0b\n")
        ends(kept, b"put Next", "fail", b"no name of a queue")
        _, _, others = kept.run(b"progress")
        same((others[0].args[1:], others[0].bytes), (["40"], b"so far"))
        good(kept)


def words_of_later_versions_are_skipped():
    with begin() as kept:
        kept.send("hello later", b"0 job x\n")
        kept.send("cancel 00000000-0000-0000-0000-000000000000 why")
        good(kept)
        same(kept.close(), 0)


def a_cancelled_job_ends():
    with begin() as kept:
        job = kept.give(b"wait")
        kept.expect("begun", job)
        kept.expect("progress", job, "0")
        kept.send(f"cancel {job}")
        same(kept.expect("retry", job).bytes, b"cancelled")
        good(kept)


def what_a_job_prints_is_no_message():
    with begin() as kept:
        same(kept.run(b"print x")[1], b"print x")
        good(kept)


def a_closed_socket_ends_the_process():
    with begin() as kept:
        same(kept.close(), 0)
    with begin() as kept:
        good(kept)
        same(kept.close(), 0)


def several_jobs_run_at_once():
    with kept_driver.Kept(command + ["4"]) as kept:
        kept.expect("ready", "1", "4")
        jobs = [kept.give(b"wait") for _ in range(4)]
        for job in jobs:
            kept.expect("begun", job)
            kept.expect("progress", job, "0")
        for job in jobs[2], jobs[0], jobs[3], jobs[1]:
            kept.send(f"cancel {job}")
            kept.expect("retry", job)
        good(kept)


def the_job_of_the_page_counts_words():
    with begin() as kept:
        end, result, others = kept.run(b"to be or not to be")
        same(end.word, "done")
        assert b"6 words" in result or b'"be"' in result, result
        same([(m.word, m.args[1:2]) for m in others], [("progress", ["50"]), ("put", ["counted"])])
        same(others[1].bytes.rstrip(), f"source={end.args[0]}\0006".encode())
        same(kept.close(), 0)


def the_exchange_of_the_document_takes_place():
    """Its messages, but for what the job has cost."""
    with open("docs/jobs-protocol.md", encoding="utf-8") as f:
        text = re.search(r"^< 0 ready.*?^```$", f.read(), re.M | re.S)[0]
    lines = [(line[0], line[2:].encode().replace(rb"\n", b"\n").replace(rb"\0", b"\0"))
             for line in text.splitlines()[:-1]]
    assert len(lines) == 8, lines
    with kept_driver.Kept(command) as kept:
        for who, data in lines:
            if who == ">":
                kept.write(data)
                continue
            m = kept.receive()
            sent = f"{len(m.bytes)} {m.word} {' '.join(m.args)}\n".encode() + m.bytes
            cost = rb" \d+ \d+\n$" if m.word == "done" else rb"$x"
            same(re.sub(cost, b"", sent), re.sub(cost, b"", data))
        same(kept.close(), 0)


def a_wrong_process_is_seen():
    """The control: what breaks the protocol does not pass."""
    hear = "read -r _ _ id _ <&3; head -c 4 <&3 >/dev/null; "
    for script in ("echo hello >&3", "exit 0", "echo '0  ready 1' >&3", "printf '0 ready' >&3",
                   "echo '0 ready 2' >&3", "echo '139265 ready 1' >&3", "printf '%0256d' 0 >&3"):
        with kept_driver.Kept(["/bin/sh", "-c", script]) as kept:
            try:
                kept.expect("ready", "1")
            except AssertionError:
                continue
            raise SystemExit(f"FAILED: {script} passed")
    for script in ("echo 0 done $id >&3", "echo 0 begun x >&3; echo 0 done x >&3",
                   "echo 0 begun $id >&3; echo 0 done x >&3", "echo 0 begun $id >&3",
                   "echo 0 begun $id >&3; echo 9 result $id >&3"):
        with kept_driver.Kept(["/bin/sh", "-c", "echo 0 ready 1 >&3; " + hear + script]) as kept:
            kept.expect("ready", "1")
            try:
                kept.run(b"body")
            except AssertionError:
                continue
            raise SystemExit(f"FAILED: {script} passed")


tests = [bodies_and_results_have_any_bytes, messages_may_be_cut_anywhere,
         a_job_ends_as_its_handler_says, a_job_sees_what_it_is,
         words_of_later_versions_are_skipped, a_closed_socket_ends_the_process]
if not is_shell:
    tests += [headers_progress_and_further_jobs_go_through, a_cancelled_job_ends,
              what_a_job_prints_is_no_message]
if sys.argv[1] == "node":
    tests += [several_jobs_run_at_once]
if sys.argv[1] == "control":
    tests = [a_wrong_process_is_seen]
if sys.argv[1] == "page":
    tests = [the_job_of_the_page_counts_words]
if sys.argv[1] == "document":
    tests = [the_exchange_of_the_document_takes_place]
for test in tests:
    test()
    print(f"ok: {sys.argv[1]}: {test.__name__.replace('_', ' ')}")
