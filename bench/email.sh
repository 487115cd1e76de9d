#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# email.sh [BUILD]: mails a second from the queue to a local sink (bench/sink/smtp.c), by one
# worker with one slot, which keeps its connection: the median of ROUNDS (3), MAILS (5000) each.
#	BENCH_DKIM=rsa      sign them, too; or ed25519
#	BENCH_SINK=HOST:PORT  another server
SPILLWAY_BIN=$(cd "$1" && pwd)
. "$(dirname "$0")/../tests/lib/e2e_lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
: "${MAILS:=5000}" "${ROUNDS:=3}"

cc -O2 -pthread -o "$dir/sink" "$here/sink/smtp.c"
"$dir/sink" "$dir/port" >"$dir/sink.log" &
sink=$!
pids+=("$sink")
until_true test -s "$dir/port"
printf '[email]\nserver = %s\ntls = none\nfrom = Shop <shop@example.org>\n' \
	"${BENCH_SINK:-127.0.0.1:$(cat "$dir/port")}" >"$dir/jobs.conf"
case ${BENCH_DKIM:-} in
rsa) openssl genrsa -out "$dir/key" 2048 2>/dev/null ;;
ed25519) openssl genpkey -algorithm ed25519 -out "$dir/key" ;;
esac
[ -z "${BENCH_DKIM:-}" ] || printf 'dkim_domain = example.org\ndkim_selector = s\ndkim_key = %s\n' "$dir/key" >>"$dir/jobs.conf"

# Text and HTML of 1 KB each; all lines equally long, so that each is a job.
text=$(printf 'Dear customer, your order %%05d is on its way. %.0s' $(seq 22))
for ((i = 10000; i < 10000 + MAILS; i++)); do
	printf '{"to":"Ann <ann%d@example.org>","subject":"Order %d","text":"%s","html":"<p>%s</p>"}\n' $i $i "$text" "$text"
done >"$dir/lines"
chunk=$(head -n 1 "$dir/lines" | wc -c)

broker_start
for ((i = 1; i <= ROUNDS; i++)); do
	queue=mail$i
	spillway put $queue --lines "$dir/lines" --chunk "$chunk" >/dev/null
	from=$(date +%s%N)
	worker_start $queue --slots 1 --queue $queue=email --jobs "$dir/jobs.conf"
	until_true count_is "$MAILS" $queue done_total
	echo $((MAILS * 1000000000 / ($(date +%s%N) - from))) >>"$dir/rates"
	kill -TERM "$worker"
	wait "$worker" || :
done
kill -TERM "$sink"
wait "$sink" || :
echo "email: $(sort -n "$dir/rates" | sed -n $(((ROUNDS + 1) / 2))p) mails/s by one worker with one slot${BENCH_DKIM:+, signed ($BENCH_DKIM)}; the sink saw $(cat "$dir/sink.log")"
