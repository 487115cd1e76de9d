#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A selector of the error text is heeded by list, redrive and purge: the other
# dead jobs stay as they are.
. "$(dirname "$0")/../../lib/e2e_lib.sh"

cat >"$dir/perm.sh" <<'S'
#!/bin/sh
cat >&2
exit 65
S
chmod +x "$dir/perm.sh"
broker_start
worker_start one --queue "perm=exec:$dir/perm.sh"
bad=$(spillway put perm "bad address")
slow=$(spillway put perm "timeout of a")
late=$(spillway put perm "timeout of b")
until_true count_is 3 perm dead
kill -TERM "$worker" && wait "$worker" || fail "the worker: $?"

dead() { spillway dead list --json | grep -o '"id":"[^"]*"' | sort | tr -d '\n'; }
[ "$(spillway dead list error~timeout --json | grep -c '"id"')" = 2 ] || fail "list error~timeout"
all=$(dead)
spillway dead redrive error~nothing | grep -qx "0 jobs redriven" || fail "redrive error~nothing"
spillway dead purge --yes error~nothing | grep -qx "0 jobs deleted" || fail "purge error~nothing"
[ "$(dead)" = "$all" ] || fail "a text that no job has changed something"
[ "$(spillway dead redrive "error~timeout of a")" = "1 job redriven" ] || fail "redrive error~"
spillway get "$slow" | grep -q "^state *ready" || fail "the job was not redriven"
[ "$(spillway dead purge --yes error~timeout)" = "1 job deleted" ] || fail "purge error~timeout"
! spillway get "$late" 2>/dev/null || fail "the job was not deleted"
spillway get "$bad" | grep -q "^state *dead" || fail "another job was changed"
spillway get "$slow" | grep -q "^state *ready" || fail "a job that is not dead was changed"
echo "2 of 3 selected by their errors, the third is dead as before"
