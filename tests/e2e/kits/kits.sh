#!/bin/bash
# SPDX-License-Identifier: MIT
# The kits of examples/ for kept processes, against the worker's side of the
# protocol, which kept_driver.py plays.
set -euo pipefail
top=$PWD
python=${PYTHON:-/usr/bin/python3}
export PYTHONDONTWRITEBYTECODE=1

# kit NAME COMMAND...
kit() { timeout 300 python3 tests/e2e/kits/kits.py "$@"; }

kit control none
kit document "$python" "$top/examples/kept.py"
kit page "$python" "$top/examples/kept.py"
kit page "$top/examples/kept.sh"
kit python "$python" "$top/tests/e2e/kits/job.py" "$top/examples"
kit shell "$top/examples/kept.sh" "$top/tests/e2e/kits/job"
if command -v node >/dev/null; then
	kit page node "$top/examples/kept.mjs"
	kit node node "$top/tests/e2e/kits/job.mjs" "$top/examples"
else
	echo "skipped: node: it is not installed here"
fi
for f in examples/kept.{py,mjs,sh}; do
	[ "$(wc -l <"$f")" -lt 120 ] || { echo "FAILED: $f is more than a page"; exit 1; }
done
echo "a page each of Python, Node and shell"
