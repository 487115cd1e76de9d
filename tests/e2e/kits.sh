#!/bin/bash
# SPDX-License-Identifier: MIT
# The kits of examples/ for kept processes, against the worker's side of the
# protocol, which tests/lib/kept_driver.py plays.
set -euo pipefail
top=$PWD
python=${PYTHON:-/usr/bin/python3}
export PYTHONDONTWRITEBYTECODE=1

# kit NAME COMMAND...
kit() { timeout 300 python3 tests/e2e/kits.py "$@"; }

kit control none
kit page "$python" "$top/examples/kept.py"
kit page "$top/examples/kept.sh"
kit python "$python" "$top/tests/lib/kept_job.py" "$top/examples"
kit shell "$top/examples/kept.sh" "$top/tests/lib/kept_job.sh"
if command -v node >/dev/null; then
	kit page node "$top/examples/kept.mjs"
	kit node node "$top/tests/lib/kept_job.mjs" "$top/examples"
else
	echo "skipped: node: it is not installed here"
fi
for f in examples/kept.{py,mjs,sh}; do
	[ "$(wc -l <"$f")" -lt 120 ] || { echo "FAILED: $f is more than a page"; exit 1; }
done
echo "a page each of Python, Node and shell"
