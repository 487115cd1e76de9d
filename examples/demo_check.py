#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""demo_check.py ANSWER REPORT: the report's totals against the known answer."""
import json
import sys

answer, report = (json.load(open(path)) for path in sys.argv[1:3])
wrong = 0
for key, want in answer.items():
    if key not in report or key in ("visitors", "visitors_exact", "days"):
        continue
    got = report[key]
    if key == "bots":
        got = {k: got[k] for k in want}
    same = got == want
    wrong += not same
    shown = got if not isinstance(got, (list, dict)) else f"{len(got)} values"
    print(f"  {key:<16} {shown!s:>20}  {'equal' if same else f'WRONG, {want} is right'}")
for q in ("p50", "p99"):
    want, got = answer[f"{q}_exact"], report[q]
    near = abs(got - want) * 256 <= want
    wrong += not near
    print(f"  {q:<16} {got!s:>20}  {want} exactly, {'within' if near else 'WRONG, not within'} 0.4 %")
if "visitors" in answer and "visitors" in report:
    want, got = answer["visitors"], report["visitors"]
    error = abs(got - want) / want
    wrong += error > 0.06
    print(f"  {'visitors':<16} {got!s:>20}  {want} exactly, estimated {100 * error:.1f} % off")
days = f"{len(answer['days'])} values"
for what in ("day", "requests", "bytes"):
    same = [d[what] for d in report["days"]] == [d[what] for d in answer["days"]]
    wrong += not same
    print(f"  {'days: ' + what:<16} {days:>20}  {'equal' if same else 'WRONG'}")
for what in ("sessions", "visitors"):
    errors = [abs(g[what] - w[what]) / w[what] for g, w in zip(report["days"], answer["days"])]
    # Five standard errors where a day is estimated.
    bad = any(e > (0 if g["exact"] else 0.1) for e, g in zip(errors, report["days"]))
    wrong += bad
    print(f"  {'days: ' + what:<16} {days:>20}  "
          f"{'WRONG, ' if bad else ''}at most {100 * max(errors):.1f} % off, "
          f"{sum(not d['exact'] for d in report['days'])} of them estimated")
sys.exit(1 if wrong else 0)
