#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo_logs.sh BUILD: logs are counted by workers, two of which, and the broker,
# are killed with -9 in the middle.
. "$(dirname "$0")/demo_lib.sh"

real_log() {
	local got=build/logstalgia/usr/share/games/logstalgia/example.log
	[ -s "$got" ] && { echo "$got"; return; }
	mkdir -p build/logstalgia
	(cd build/logstalgia && { apt-get download -qq logstalgia logstalgia-data ||
		apt-get download -qq logstalgia; } >/dev/null 2>&1
	for d in *.deb; do [ -e "$d" ] && dpkg-deb -x "$d" .; done)
	got=$(find build/logstalgia -name 'example.log*' | head -n 1)
	case $got in
	*.gz) zcat "$got" >build/logstalgia/example.log && got=build/logstalgia/example.log ;;
	esac
	[ -n "$got" ] && echo "$got"
}

say "A broker, which keeps the jobs in $dir"
note "  spillway-broker --data $dir/data --listen $SPILLWAY_BROKER &"
broker_start

if log=$(real_log); then
	say "1. A real Apache access log: $(wc -l <"$log") lines"
	worker_start real "$dir/real.db" logs=logs
	run spillway put logs --lines "$log"
	drain logs "$(counter logs put_total)"
	kill -TERM "$worker" && wait "$worker" || :
	run spillway-report "$dir/real.db"
else
	note "1. skipped: the real access log (Debian's logstalgia) cannot be fetched here"
fi

say "2. 500,000 generated lines whose right answer is known, and three kills with -9"
loggen --lines 500000 --seed 7 --bad-every 10000 --answer "$dir/answer.json" >"$dir/generated.log"
note "  one line in 10,000 is malformed; the queue pauses until all is put, so that the kills come in the middle of the work"
worker_start one "$dir/generated.db" generated=logs
one=$worker
worker_start two "$dir/generated.db" generated=logs
run spillway queue set generated paused=yes
run spillway put generated --lines "$dir/generated.log"
jobs=$(counter generated put_total)
run spillway resume generated
until_done generated $((jobs / 5)) "$jobs"
note "  kill -9 worker one"
kill9 "$one"
until_done generated $((jobs * 2 / 5)) "$jobs"
note "  kill -9 the broker, and start it again"
kill9 "$broker"
broker_start
until_done generated $((jobs * 3 / 5)) "$jobs"
note "  kill -9 worker two, and start worker three"
kill9 "$worker"
worker_start three "$dir/generated.db" generated=logs
drain generated "$jobs"
run spillway-report "$dir/generated.db"
say "The totals against the generator's answer"
spillway-report --json "$dir/generated.db" >"$dir/report.json"
python3 "$here/demo_check.py" "$dir/answer.json" "$dir/report.json"

say "3. Poison: a text that is no log, and a job that kills its process"
worker_start four "$dir/generated.db" generated=logs "crash=exec:$here/crash.sh"
run spillway queue set crash backoff_ms=100
note "  printf 'this\\nis not\\na log\\n' | spillway put generated -"
printf 'this\nis not\na log\n' | spillway put generated -
note "  spillway put crash nothing"
crash=$(spillway put crash nothing)
echo "$crash"
drain crash 1
drain generated "$((jobs + 1))"
run spillway dead list
say "The history of the job that crashed"
run spillway dead show "$crash"

say "The queues now"
run spillway queues
note "
WORKERS counts workers that sent a message in the last 15 seconds, so also one that was killed just now. Broker
and workers end here; the jobs stay on disk. To look at them, start the broker again:
  export PATH=$b:\$PATH SPILLWAY_BROKER=$SPILLWAY_BROKER
  spillway-broker --data $dir/data --listen \$SPILLWAY_BROKER &"
