#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shell of README.md and docs does what the documents say; see docs.py.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
export SPILLWAY_BIN=$b
jq --version >/dev/null || fail "the documents use jq"
python3 "$(dirname "$0")/docs.py" --self >"$dir/self.log" || fail "$(cat "$dir/self.log")"
python3 "$(dirname "$0")/docs.py"
