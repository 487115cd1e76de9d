#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A dead-letter queue and redaction at the command, what broker.conf may say of
# them, and examples/alert-mail.sh: a mail about a death and about a queue's age.
. "$(dirname "$0")/../../lib/e2e_lib.sh"
cd "$root"

cat >"$dir/broker.conf" <<'C'
[queue orders]
dead_to = graves
on_dead = alerts
on_age = alerts
on_age_ms = 1s
redact_headers = cookie
redact_members = card
C
broker_start --config "$dir/broker.conf"
worker_start graveless --queue 'orders=exec:sh -c "exit 65"'
export ALERT_TO=ops@example.org
worker_start alerter --queue "alerts=exec:$PWD/examples/alert-mail.sh"

id=$(spillway put orders '{"card": "4111", "n": 7}' --header cookie=s3cr3t)
! spillway wait "$id" >/dev/null || fail "a job that fails went well"
spillway list state=ready queue=graves >"$dir/said"
grep -q "$id.*graves (of orders)" "$dir/said" || fail "$(cat "$dir/said")"
spillway get "$id" >"$dir/said"
for line in 'died in *orders' 'move .*from orders' 'cookie=\*' '"card": "\*", "n": 7'; do
	grep -q "$line" "$dir/said" || fail "no '$line' in $(cat "$dir/said")"
done
! grep -qE '4111|s3cr3t' "$dir/said" || fail "a secret is shown"
spillway why "$id" | grep -q 'it died in queue orders' || fail "$(spillway why "$id")"

mails() { spillway list state=ready queue=email --json | wc -l; }
mail_is_there() { [ "$(mails)" -ge "$1" ]; }
body_of_mails() {
	spillway list state=ready queue=email --json | sed 's/.*"id":"\([^"]*\)".*/\1/' |
		while read -r mail; do spillway get "$mail" --body; done
}
until_true mail_is_there 1
body_of_mails >"$dir/said"
grep -q '"to":"ops@example.org","subject":"1 dead in orders: permanent"' "$dir/said" ||
	fail "$(cat "$dir/said")"
grep -q "spillway get $id" "$dir/said" || fail "$(cat "$dir/said")"

# Nobody serves a paused queue: it gets old.
spillway pause orders
spillway dead redrive state=ready queue=graves | grep -q 1 || fail "nothing was redriven"
spillway list state=ready queue=orders | grep -q "$id" || fail "the job is not back"
until_true mail_is_there 2
body_of_mails | grep -q '"subject":"orders waits ' || fail "$(body_of_mails)"

# A queue that is full refuses the job; the log and the figures tell.
spillway queue set graves max_jobs=1
spillway put graves x >/dev/null
spillway resume orders
until_true grep -q 'ev=dead-letter-refused queue=orders .*error=SW_EMAXJOBS' "$dir/broker.log"
spillway queue set orders retain_dead_ms=1
until_true grep -q "ev=dead-deleted queue=orders job=$id" "$dir/broker.log"
[ "$(count orders dead_deleted_total)" = 1 ] || fail "the deleted job is not counted"

# What the broker would refuse is refused before.
! spillway queue set orders dead_to=orders 2>"$dir/said" || fail "a queue is its own"
grep -q "dead_to is 'orders': must be another queue" "$dir/said" || fail "$(cat "$dir/said")"
for wrong in 'dead_to = orders' 'dead_to = A B' 'redact_members = a,,b'; do
	printf '[queue orders]\n%s\n' "$wrong" >"$dir/wrong.conf"
	! spillway-broker --config "$dir/wrong.conf" --check-config >"$dir/said" 2>&1 ||
		fail "--check-config passes '$wrong'"
	grep -q "${wrong%% *} is '" "$dir/said" || fail "$(cat "$dir/said")"
	[ "$(wc -l <"$dir/said")" = 1 ] || fail "more than one line: $(cat "$dir/said")"
done
echo "dead letter: moved, told, redriven, refused, deleted"
