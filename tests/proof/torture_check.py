# SPDX-License-Identifier: MIT
"""What the producers were told, held against what the broker has in the end.

World is all that is known after a torture; faults() is the checker: a list
of lines, empty if every promise was kept.  controls() breaks a copy of a
sound world in each way that faults() is to see.
"""
import collections
import copy
import glob
import json
import os
import subprocess

COMPLETE = 30   # a ledger of fewer entries has lost none (RECORD_EVENTS)
ENDED = ("done", "dead")
LINES = {"try": 3, "ok": 2, "taken": 3, "start": 2, "finished": 2,
         "twice": 2, "gone": 2, "bad": 3, "run": 4, "end": 3, "body": 3}

Plan = collections.namedtuple("Plan", "name end cause most follows")


def plans_read(program):
    text = subprocess.run([program, "plans"], check=True,
                          capture_output=True, text=True).stdout
    plans = {}
    for line in text.splitlines():
        at, name, end, cause, most, follows = line.split()
        plans[int(at)] = Plan(name, end, cause, int(most), int(follows))
    return plans


def lines_read(path, wrong):
    """Each line as words; one that is torn or unknown is a fault."""
    with open(path, "rb") as f:
        lines = f.read().decode(errors="replace").split("\n")
    if lines.pop() != "":
        wrong.append("%s: its end is torn" % os.path.basename(path))
    for line in lines:
        words = line.split()
        if words and LINES.get(words[0]) == len(words):
            yield words
        else:
            wrong.append("%s: torn line '%s'" % (os.path.basename(path), line))


class World:
    """journals and effects as lists of words, jobs by id, queues by name."""

    def __init__(self):
        self.wrong = []         # lines that are none
        self.journal = []       # of all producers
        self.effects = []
        self.listed = []        # (id, state), as the listing has them
        self.jobs = {}          # as `spillway get` has them
        self.queues = {}
        self.plans = {}

    def files_read(self, folder, program):
        self.plans = plans_read(program)
        for path in sorted(glob.glob(folder + "/*.journal")):
            self.journal += lines_read(path, self.wrong)
        if os.path.exists(folder + "/effects"):
            self.effects += lines_read(folder + "/effects", self.wrong)

    def broker_read(self):
        self.queues = {q["queue"]: q["stats"] for q in ask("queues")}
        self.listed = [(j["id"], j["state"]) for j in ask("list")]
        ids = [i for i, _ in self.listed]
        for at in range(0, len(ids), 100):
            for job in ask("get", *ids[at:at + 100]):
                self.jobs[job["id"]] = job


def ask(*words):
    text = subprocess.run(("spillway",) + words + ("--json",), check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


# --- the checks: each yields lines ------------------------------------------

def plan_of(w, job):
    return w.plans[int(job["id"][-2:], 16) % len(w.plans)]


def puts(w):
    """P1, P2, P3: what was confirmed is there, and nothing nobody tried."""
    said = collections.defaultdict(collections.Counter)
    for words in w.journal:
        said[words[0]][words[1]] += 1
    work = {i for i, j in w.jobs.items() if j["queue"] == "work"}
    for i in said["ok"].keys() - work:
        yield "lost: %s was confirmed" % i
    for i in work - said["try"].keys():
        yield "stranger: nobody tried to put %s" % i
    for i in (i for i, n in said["try"].items() if n > 1):
        yield "producer: two jobs under the id %s" % i
    for i in said["try"].keys() - said["ok"].keys() - said["taken"].keys():
        yield "producer: %s was never settled" % i
    for i in said["twice"]:
        yield "twice: %s was confirmed and then stored anew" % i
    for i in said["gone"]:
        yield "lost: %s was confirmed, then unknown while the torture ran" % i
    for words in w.journal:
        if words[0] == "bad":
            yield "producer: %s was answered with %s" % tuple(words[1:])
        if words[0] == "taken" and words[2] not in said["try"]:
            yield "unique: %s gave way to %s, which nobody tried" % (
                words[1], words[2])


def listing(w):
    """Nothing half: one row for each job, and the counters agree."""
    for i, n in collections.Counter(i for i, _ in w.listed).items():
        if n > 1:
            yield "half: %s stands %d times in the listing" % (i, n)
    for i, state in w.listed:
        if i not in w.jobs or w.jobs[i]["state"] != state:
            yield "half: %s is listed as %s" % (i, state)
    for name, stats in w.queues.items():
        jobs = [j for j in w.jobs.values() if j["queue"] == name]
        yield from counters(name, stats, jobs)


def counters(name, stats, jobs):
    is_in = collections.Counter(j["state"] for j in jobs)
    events = [e for j in jobs for e in attempts(j)]
    whole = all(len(j["events"]) < COMPLETE for j in jobs)
    want = {s: is_in[s] for s in ("delayed", "ready", "leased", "done",
                                  "dead", "cancelled")}
    want.update(put_total=len(jobs), done_total=is_in["done"],
                dead_total=is_in["dead"],
                bytes=sum(len(j.get("body", "")) for j in jobs))
    if whole:
        want["failed_total"] = len(events) - is_in["done"]
    for key, n in want.items():
        if stats[key] != n:
            yield "counter: %s of queue %s is %d, the listing has %d" % (
                key, name, stats[key], n)


def attempts(job):
    """Ledger entries of deliveries that count."""
    return [e for e in job["events"] if e["kind"] == "done" or
            (e["kind"] == "attempt" and e["outcome"] != "release")]


def ledger(w):
    """P4, P6: acknowledged once, in order, and never beyond the limit."""
    for i, job in w.jobs.items():
        tried = attempts(job)
        numbers = [e["attempt"] for e in tried]
        done = [e for e in tried if e["kind"] == "done"]
        n = job.get("attempt", 0)
        most = plan_of(w, job).most if job["queue"] == "work" else 0
        if job["state"] not in ENDED:
            yield "unfinished: %s is %s" % (i, job["state"])
        if len(done) != (job["state"] == "done"):
            yield "acked: %s is %s and was acknowledged %d times" % (
                i, job["state"], len(done))
        if len(job["events"]) < COMPLETE and (
                numbers != list(range(1, n + 1))):
            yield "ledger: %s has %d attempts, its ledger %s" % (
                i, n, numbers)
        if most and n > most:
            yield "attempts: %s has %d, its limit is %d" % (i, n, most)


def ends(w):
    """Each job ended as its id says."""
    for i, job in w.jobs.items():
        if job["queue"] == "next":
            if job["state"] == "dead":
                yield "end: the follow-up %s is dead" % i
            continue
        plan, cause = plan_of(w, job), job.get("cause", "none")
        state, n = job["state"], job.get("attempt", 0)
        if plan.end != "either" and state != plan.end:
            yield "end: %s (%s) is %s, %s" % (i, plan.name, state, cause)
        elif state == "dead" and cause not in (plan.cause, "lost"):
            yield "end: %s (%s) is dead of %s" % (i, plan.name, cause)
        elif state == "dead" and plan.most not in (0, n):
            yield "end: %s (%s) is dead after %d attempts of %d" % (
                i, plan.name, n, plan.most)


def forgotten(job):
    """The last attempt that a long ledger may lack entries of: it keeps that
    of the first attempt and the newest ones."""
    if len(job["events"]) < COMPLETE:
        return 0
    return [e["attempt"] for e in job["events"] if "attempt" in e][1]


def effects(w):
    """A delivery begins once, and what is done has had its effect."""
    seen = collections.Counter((words[0], words[1], int(words[2]))
                               for words in w.effects)
    back = collections.Counter(
        (job["id"], e["attempt"]) for job in w.jobs.values()
        for e in job["events"] if e.get("outcome") == "release")
    for (what, i, k), n in seen.items():
        job = w.jobs.get(i)
        if job is None:
            yield "effects: %s has run and is not there" % i
        elif what == "body":
            yield "effects: %s came with another body" % i
        elif n > 1 + back[i, k] and k > forgotten(job):
            yield "effects: attempt %d of %s: %d times '%s'" % (k, i, n, what)
        elif k > job.get("attempt", 0):
            yield "effects: %s has run a delivery %d that was not counted" % (
                i, k)
    for i, job in w.jobs.items():
        if job["state"] != "done":
            continue
        n = job.get("attempt", 0)
        if not seen["end", i, n]:
            yield "effects: %s is done without its effect" % i
        if job.get("result", "").split()[:2] != [i, str(n)]:
            yield "result: %s was done by attempt %d, its result is '%s'" % (
                i, n, job.get("result", ""))


def follow_ups(w):
    """Stored with the ack of their parent: all of them, each once."""
    have = collections.Counter(
        tuple(job.get("result", "").split()[2:])
        for job in w.jobs.values() if job["queue"] == "next")
    want = collections.Counter(
        (i, str(n)) for i, job in w.jobs.items()
        if job["queue"] == "work" and job["state"] == "done"
        for n in range(plan_of(w, job).follows))
    for key in have.keys() | want.keys():
        if have[key] != want[key]:
            yield "follow-up: %s: %d are there, not %d" % (
                " ".join(key), have[key], want[key])


def uniques(w):
    """Two jobs never held one key at the same time."""
    held = collections.defaultdict(list)
    for job in w.jobs.values():
        if "unique" in job and "ended_at_ms" in job:
            held[job["queue"], job["unique"]].append(
                (job["created_at_ms"], job["ended_at_ms"], job["id"]))
    for (_, key), spans in held.items():
        spans.sort()
        for a, b in zip(spans, spans[1:]):
            if b[0] < a[1]:
                yield "unique: %s and %s held the key %s together" % (
                    a[2], b[2], key)


CHECKS = (puts, listing, ledger, ends, effects, follow_ups, uniques)


def faults(w):
    found = list(w.wrong)
    for check in CHECKS:
        found += check(w)
    return found


def stale_reports(w):
    """Attempts that came to their end although their lease had been lost."""
    ended = {(words[1], int(words[2])) for words in w.effects
             if words[0] == "end"}
    return sum((j["id"], e["attempt"]) in ended for j in w.jobs.values()
               for e in attempts(j) if e.get("cause") == "lost")


# --- positive controls ------------------------------------------------------

def controls(sound):
    """Yields what was broken and whether faults() has seen it as that.

    None where a short run has no job of the kind that is to be broken.
    """
    for what, word, spoil in SPOILS:
        w = copy.copy(sound)
        for name in ("journal", "effects", "listed", "wrong"):
            setattr(w, name, list(getattr(sound, name)))
        w.jobs, w.queues = dict(sound.jobs), dict(sound.queues)
        try:
            spoil(w)
        except LookupError:
            yield what, None
            continue
        yield what, any(line.startswith(word) for line in faults(w))


NOBODY = "01900000-0000-7000-8000-000000000000"


def pick(w, state="done", queue="work", test=lambda job: True):
    """A copy of a job of that kind, which stands in the world in its place."""
    i = [i for i, j in w.jobs.items()
         if j["state"] == state and j["queue"] == queue and test(j)][0]
    w.jobs[i] = copy.deepcopy(w.jobs[i])
    return w.jobs[i]


def drop(w, job):
    del w.jobs[job["id"]]
    w.listed.remove((job["id"], job["state"]))


def twin(w, job):
    """The same job once more under another id."""
    other = copy.deepcopy(job)
    other["id"] = NOBODY
    w.jobs[NOBODY] = other
    w.listed.append((NOBODY, other["state"]))


def again(w, word):
    """An effect a second time, of an attempt that was not handed back."""
    w.effects.append([
        e for e in w.effects if e[0] == word and e[1] in w.jobs and
        not any(v.get("outcome") == "release"
                for v in w.jobs[e[1]]["events"])][0])


def ended_without_effect(w):
    i = pick(w)["id"]
    w.effects = [e for e in w.effects if e[:2] != ["end", i]]


def half_state(w):
    pick(w)["state"] = "ready"


def acked_twice(w):
    job = pick(w)
    job["events"].append(job["events"][-1])


def attempt_unknown(w):
    pick(w)["attempt"] += 1


def attempts_beyond(w):
    pick(w, "dead", test=lambda j: plan_of(w, j).most)["attempt"] = 99


def dead_too_early(w):
    job = pick(w, "dead", test=lambda j: plan_of(w, j).most > 1)
    job["attempt"] = 1
    job["events"] = job["events"][:1] + attempts(job)[:1]


def dead_wrongly(w):
    job = pick(w, test=lambda j: plan_of(w, j).end == "done")
    job["state"], job["cause"] = "dead", "error"


def result_of_another(w):
    job = pick(w)
    job["result"] = "%s %d" % (job["id"], job["attempt"] + 1)


def count_off(w):
    w.queues["work"] = dict(w.queues["work"])
    w.queues["work"]["done_total"] += 1


def keys_overlap(w):
    a = pick(w, test=lambda j: "unique" in j)
    b = pick(w, test=lambda j: "unique" in j and j["id"] != a["id"])
    b["unique"], b["created_at_ms"] = a["unique"], a["created_at_ms"]
    b["ended_at_ms"] = a["ended_at_ms"] = a["created_at_ms"] + 1


SPOILS = (
    ("a done job is not in the listing", "lost", lambda w: drop(w, pick(w))),
    ("a dead job is not in the listing", "lost",
     lambda w: drop(w, pick(w, "dead"))),
    ("a job that never was is confirmed", "lost",
     lambda w: w.journal.append(["ok", NOBODY])),
    ("a confirmed job was unknown for a while", "lost",
     lambda w: w.journal.append(["gone", NOBODY])),
    ("a job was stored anew under its id", "twice",
     lambda w: w.journal.append(["twice", NOBODY])),
    ("a job is there twice, under two ids", "stranger",
     lambda w: twin(w, pick(w))),
    ("an answer that may not be", "producer",
     lambda w: w.journal.append(["bad", NOBODY, "-5007"])),
    ("a put that never was settled", "producer",
     lambda w: w.journal.append(["try", NOBODY, "0"])),
    ("a job is listed twice", "half",
     lambda w: w.listed.append(w.listed[0])),
    ("a job's state differs from the listing's", "half", half_state),
    ("a job never ended", "unfinished", half_state),
    ("a job was acknowledged twice", "acked", acked_twice),
    ("a ledger lacks an attempt", "ledger", attempt_unknown),
    ("a job was tried too often", "attempts", attempts_beyond),
    ("a job died too early", "end", dead_too_early),
    ("a job died that was to be done", "end", dead_wrongly),
    ("an attempt ran twice", "effects", lambda w: again(w, "run")),
    ("an effect happened twice in an attempt", "effects",
     lambda w: again(w, "end")),
    ("an effect is missing", "effects", ended_without_effect),
    ("a body was changed", "effects",
     lambda w: w.effects.append(["body", pick(w)["id"], "1"])),
    ("a stale report was taken", "result", result_of_another),
    ("a counter is off by one", "counter", count_off),
    ("a follow-up is missing", "follow-up",
     lambda w: drop(w, pick(w, queue="next"))),
    ("a follow-up was stored twice", "follow-up",
     lambda w: twin(w, pick(w, queue="next"))),
    ("two held one unique key", "unique", keys_overlap),
)
