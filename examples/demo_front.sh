#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo_front.sh BUILD: HTTP comes in, handlers with 10 ms of CPU each hand
# jobs over, and one that does not end is ended.
. "$(dirname "$0")/demo_lib.sh"

lines=20000 spins=20 neighbours=4 asks=2000

# ask PATH [curl's options]: over the front's socket
ask() {
	local path=$1
	shift
	curl -sS --unix-socket "$dir/http" "$@" "http://front$path"
}

front_start() {
	for h in hello signup beacon spin; do
		cc -shared -fPIC -I"$here/../producer" -o "$dir/$h.so" "$here/handlers/$h.c"
	done
	{
		printf '[front]\nlisten = unix:%s/http\nstats = unix:%s/stats\n' "$dir" "$dir"
		printf 'broker = %s\naccess_log = %s/access.log\n' "$SPILLWAY_BROKER" "$dir"
		printf 'wall_ms = 60000\n' # a machine may be busy; the limit of CPU stays
		for h in hello signup beacon spin; do
			printf '[route /%s]\nmodule = %s/%s.so\n' "$h" "$dir" "$h"
		done
	} >"$dir/front.conf"
	spillway-front --config "$dir/front.conf" 2>"$dir/front.log" &
	pids+=("$!")
	local front=$!
	until grep -q ev=ready "$dir/front.log"; do
		kill -0 "$front" 2>/dev/null || { cat "$dir/front.log"; exit 1; }
		read -rt 0.02 <> <(:) || :
	done
}

# A mail server, and a configuration of the job `email` that names it.
mail_start() {
	mkdir "$dir/mail"
	/usr/bin/python3 "$here/mail_server.py" "$dir/mail" 2>"$dir/mail.log" &
	local server=$!
	pids+=("$server")
	until [ -e "$dir/mail/port" ]; do
		kill -0 "$server" 2>/dev/null || { cat "$dir/mail.log"; exit 1; }
		read -rt 0.02 <> <(:) || :
	done
	printf '[email]\nserver = 127.0.0.1:%s\ntls = none\nfrom = The Shop <shop@example.org>\n' \
		"$(cat "$dir/mail/port")" >"$dir/jobs.conf"
	export SPILLWAY_JOBS=$dir/jobs.conf
}

lines_counted() {
	spillway-report --json "$dir/front.db" 2>/dev/null | grep -qE "\"requests\": ?$lines\b"
}

# The cost of each route, by GET /stats.
costs() {
	curl -sS --unix-socket "$dir/stats" http://front/stats | python3 -c '
import json, sys
print("  route      requests  CPU p50 µs  p99 µs  max µs  killed  isolates started")
for r in sorted(json.load(sys.stdin), key=lambda r: r["route"]):
    print("  %-9s %9d %11.0f %7.0f %7.0f %7d %17d" % (r["route"], r["requests"],
          r["cpu_p50_us"], r["cpu_p99_us"], r["cpu_max_us"], r["ends"]["cpu"], r["isolate_starts"]))'
}

say "The front: four handlers in C, each in sandboxed processes of its own, 10 ms of CPU for a request"
broker_start
note "  cc -shared -fPIC -Iproducer -o $dir/signup.so examples/handlers/signup.c"
note "  spillway-front --config $dir/front.conf &"
front_start
note "  the front listens on a unix socket: each curl below is  curl --unix-socket $dir/http …"

say "Somebody signs up: the answer comes once the job is on disk, a worker sends the mail"
mail_start
worker_start mail "$dir/front.db" email=email logs=logs
note "  curl -d '{\"email\": \"ann@example.org\"}' http://front/signup"
answer=$(ask /signup -d '{"email": "ann@example.org"}' -w '%{http_code}')
echo "  ${answer: -3}  ${answer%%$'\n'*}"
id=$(sed -n 's/.*"job": "\([^"]*\)".*/\1/p' <<<"$answer")
note "  spillway wait $id"
echo "  $(spillway wait "$id" --timeout "${DEADLINE_S:-120}s")"
note "  the mail, as a mail server of the demo received it:"
tr -d '\r' <"$dir/mail/ann@example.org.eml" | sed 's/^/    /'

say "Pages send $lines lines of a log: the answer comes at once, the logs job counts the lines"
loggen --lines "$lines" --seed 5 --answer "$dir/answer.json" >"$dir/lines.log"
split -C 900k "$dir/lines.log" "$dir/part."
for part in "$dir"/part.*; do
	note "  curl --data-binary @${part##*/} http://front/beacon"
	echo "  $(ask /beacon --data-binary "@$part" -o /dev/null -w '%{http_code} after %{time_total} s, for %{size_upload} bytes')"
done
end=$((SECONDS + ${DEADLINE_S:-120}))
until lines_counted; do
	[ "$SECONDS" -lt "$end" ] || { echo "not all lines were counted"; exit 1; }
	read -rt 0.1 <> <(:) || :
done
note "  spillway-report $dir/front.db"
spillway-report "$dir/front.db" | sed -n '2,/^Status/p' | sed '$d'

say "A handler that does not end is ended by the kernel; its neighbours go on"
note "  curl -i http://front/spin"
said=$(ask /spin -w 'after %{time_total} s' -D "$dir/head")
sed -n '1p; /^Server-Timing/p' "$dir/head" | tr -d '\r' | sed 's/^/  /'
echo "  ${said//$'\n'/ }"
note "  1102 means that a handler used up its CPU time, which Server-Timing has in milliseconds"
note "  $spins more of these, and beside them $neighbours clients with $asks requests to /hello each"
asked=()
for n in $(seq "$neighbours"); do
	ask "/hello?[1-$asks]" -o /dev/null -w '%{http_code}\n' >"$dir/neighbour.$n" &
	asked+=("$!")
done
for _ in $(seq "$spins"); do ask /spin -o /dev/null -w '%{http_code}\n'; done >"$dir/spun"
wait "${asked[@]}"
cut=$(grep -c 503 "$dir/spun")
answered=$(cat "$dir"/neighbour.* | grep -c 200)
echo "  $cut of $spins spinning requests were cut; meanwhile $answered of $((neighbours * asks)) to /hello were answered"
costs
[ "$cut" = "$spins" ] && [ "$answered" = $((neighbours * asks)) ]
