#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The front: handlers, budgets, hostile modules, jobs, reload; front.py asks.
. "$(dirname "$0")/../e2e_lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)

for m in "$root"/examples/handlers/*.c "$root"/tests/handlers/*.c; do
	cc -shared -fPIC -I"$root/producer" -o "$dir/$(basename "$m" .c).so" "$m"
done

# A sanitizer's report of a crash takes more than 10 ms of CPU by itself, and that
# much more CPU takes long by the clock where others run too.
bare='budget_us = 10000'
case $b in *asan | *tsan) bare='budget_us = 500000\nwall_ms = 8000' ;; esac

# conf KEY=VALUE...: with lines of [front]
conf() {
	printf '[front]\nlisten = unix:%s/http\n' "$dir"
	printf 'stats = unix:%s/stats\naccess_log = %s/access.log\nbroker = %s\n' \
		"$dir" "$dir" "$SPILLWAY_BROKER"
	printf 'request_s = 2\nmax_connections = 200\nput_ms = 2000\n'
	printf '%s\n' "$@"
	for r in hello signup beacon hostile; do
		printf '[route /%s]\nmodule = %s/%s.so\n' "$r" "$dir" "$r"
	done
	printf 'set.FROM = news@example.org\n'
	printf "[route /bare]\\nmodule = %s/hostile.so\\nsandbox = 0\\n$bare\\n" "$dir"
	printf '[route /few]\nmodule = %s/hostile.so\nisolates = 1\nqueue = 2\nrequests = 3\n' "$dir"
}

front_start() {
	: >"$dir/front.log"
	spillway-front --config "$dir/front.conf" 2>>"$dir/front.log" &
	front=$!
	pids+=("$front")
	until_true grep -q ev=ready "$dir/front.log"
}

isolates_gone() {
	! pgrep -f "spillway-isolate $dir"
}

broker_start
conf >"$dir/front.conf"
spillway-front --config "$dir/front.conf" --check-config || fail "the configuration is good"

for perf in auto no; do
	conf "perf = $perf" >"$dir/front.conf"
	front_start
	python3 "$root/tests/e2e/front.py" "$dir" "$front" "$perf"
	kill -TERM "$front"
	wait "$front" || fail "front: status $?"
	until_true isolates_gone
done
grep -q 'kill="timer' "$dir/front.log" || fail "perf = no was not heeded"

# kill -9: nothing outlives the front.
front_start
kill -9 "$front"
until_true isolates_gone

# What is wrong is said in one line, with its place.
bad() {
	conf >"$dir/bad.conf"
	printf '%s\n' "$3" >>"$dir/bad.conf"
	refused "$1" "$2" spillway-front --config "$dir/bad.conf"
}
bad 78 'bad.conf:[0-9]+: unknown key .colour' 'colour = red'
bad 78 'bad.conf:[0-9]+: isolates is .0., not 1 to' 'isolates = 0'
bad 78 'bad.conf:[0-9]+: a second route' '[route /hello]
isolates = 1'
bad 78 'has no module' '[route /none]
isolates = 1'
bad 78 'unknown section' '[colours]
red = 1'
bad 78 'cannot open shared object' '[route /gone]
module = /nonexistent.so'
printf '#include <spillway-handler.h>\nint x;\n' >"$dir/empty.c"
cc -shared -fPIC -I"$root/producer" -o "$dir/empty.so" "$dir/empty.c"
bad 78 'sw_handler' "[route /empty]
module = $dir/empty.so"
printf '#include <spillway-handler.h>\n__attribute__((constructor)) static void f(void) { for (;;); }\n' >"$dir/loop.c"
cc -shared -fPIC -I"$root/producer" -o "$dir/loop.so" "$dir/loop.c"
bad 78 'ended while loading' "[route /loop]
module = $dir/loop.so"
refused 64 'config FILE is wanted' spillway-front
echo "front: each asked with the kernel's kill and with the timer's"
