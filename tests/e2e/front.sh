#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The front: handlers, budgets, hostile modules, jobs, reload; front.py asks.
. "$(dirname "$0")/../lib/e2e_lib.sh"

modules "$root"/examples/handlers/*.c "$root"/tests/handlers/*.c

cat >"$dir/other.c" <<'C'
#include <spillway-handler.h>
static int handle(const struct sw_request *q, struct sw_response *r, struct sw_env *e)
{ (void)q; (void)e; return r->print(r, "another module\n"); }
SW_HANDLER(handle);
C
modules "$dir/other.c"

# A sanitizer's report of a crash takes more than 10 ms of CPU by itself.
bare_us=10000 bare_ms=2000
case $b in *asan | *tsan) bare_us=300000 bare_ms=10000
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=4" ;; esac

# conf_of NAME LINE...: its sockets and its log have that name; lines of [front]
conf_of() {
	printf '[front]\nlisten = unix:%s/%s\n' "$dir" "$1"
	printf 'stats = unix:%s/%s.stats\naccess_log = %s/%s.access\nbroker = %s\n' \
		"$dir" "$1" "$dir" "$1" "$SPILLWAY_BROKER"
	printf 'blobs = dir:%s/blobs?quota=400m\nuploads = 3\nmax_connections = 200\nwall_ms = 60000\n' "$dir"
	printf '%s\n' "${@:2}"
	for r in hello signup beacon hostile; do
		printf '[route /%s]\nmodule = %s/%s.so\n' "$r" "$dir" "$r"
	done
	printf 'wall_ms = 2000\nset.FROM = news@example.org\n'
	printf '[route /upload]\nmodule = %s/upload.so\nblob = 1\nmax_blob = 200000000\n' "$dir"
	printf '[route /answer]\nmodule = %s/answer.so\n' "$dir"
	printf '[route /early]\nmodule = %s/early.so\n[route /early-bare]\nmodule = %s/early.so\nsandbox = 0\n' "$dir" "$dir"
	printf '[route /bare]\nmodule = %s/hostile.so\nsandbox = 0\nbudget_us = %s\nwall_ms = %s\n' \
		"$dir" "$bare_us" "$bare_ms"
	for r in gate few; do
		printf '[route /%s]\nmodule = %s/gate.so\nsandbox = 0\nset.GATE = %s/gate.fifo\n' "$r" "$dir" "$dir"
	done
	printf 'isolates = 1\nqueue = 2\nrequests = 3\n'
}

# The front that is asked waits for everybody; another one, strict, does not.
conf() { conf_of http "idle_s = $DEADLINE_S" "request_s = $DEADLINE_S" 'put_ms = 60000' "$@"; }
mkfifo "$dir/gate.fifo"

# front_start [NAME]: on NAME.conf
front_start() {
	local name=${1:-front}
	: >"$dir/$name.log"
	spillway-front --config "$dir/$name.conf" 2>>"$dir/$name.log" &
	front=$!
	pids+=("$front")
	until_true grep -q ev=ready "$dir/$name.log"
}

# front_stop PID
front_stop() {
	kill -TERM "$1"
	wait "$1" || fail "front: status $?"
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
	python3 "$root/tests/e2e/front/front.py" "$dir" "$front" "$perf"
	front_stop "$front"
	until_true isolates_gone
done
conf_of strict 'idle_s = 4' 'request_s = 4' 'put_ms = 2000' >"$dir/strict.conf"
front_start strict
python3 "$root/tests/e2e/front/front.py" "$dir" "$front" strict
front_stop "$front"
until_true isolates_gone
grep -q 'kill="timer' "$dir/front.log" || fail "perf = no was not heeded"

# The access log is one that our own job understands, to the last line.
SPILLWAY_LOGS_DB=$dir/access.db
export SPILLWAY_LOGS_DB
worker_start logs --queue access=logs
spillway put access --lines "$dir/http.access" >"$dir/said"
until_true count_is 0 access ready leased
spillway-report --json "$dir/access.db" >"$dir/said"
grep -q "\"requests\":$(wc -l <"$dir/http.access"),\"bad\":0," "$dir/said" ||
	fail "the access log, $(wc -l <"$dir/http.access") lines: $(head -c 200 "$dir/said")"

# kill -9: nothing outlives the front.
front_start
kill -9 "$front"
until_true isolates_gone

# Sockets of a service manager: by a launcher of ours, and by systemd's.
conf | sed -e '/^listen/d;/^stats/d' -e 's/^max_connections.*/max_connections = 5000/' >"$dir/restart.conf"
python3 "$root/tests/e2e/front/front_restart.py" "$dir"
systemd-socket-activate -l "$dir/activated" "$b/spillway-front" \
	--config "$dir/restart.conf" 2>"$dir/activate.log" &
activated=$!
pids+=("$activated")
until_true test -S "$dir/activated"
[ "$(curl -s --unix-socket "$dir/activated" http://x/hello)" = "hello, world" ] ||
	fail "by systemd-socket-activate"
kill -TERM "$activated"
wait "$activated" || fail "activated: status $?"

# What is wrong is said in one line, with its place.
bad() {
	conf >"$dir/bad.conf"
	printf '%s\n' "$3" >>"$dir/bad.conf"
	refused "$1" "$2" bounded spillway-front --config "$dir/bad.conf"
}
bad 78 'bad.conf:[0-9]+: unknown key .colour' 'colour = red'
bad 78 'bad.conf:[0-9]+: wall_ms is .0.: must be a duration, 1ms to 10m' 'wall_ms = 0'
bad 78 'bad.conf:[0-9]+: section .route .hello. is there twice' '[route /hello]
isolates = 1'
bad 78 'has no module' '[route /none]
isolates = 1'
bad 78 'unknown section' '[colours]
red = 1'
bad 78 'cannot open shared object' '[route /gone]
module = /nonexistent.so'
refused 78 '/nonexistent.so: No such file' spillway-front --config "$dir/bad.conf" --check-config
conf | grep -v '^blobs' >"$dir/bad.conf"
refused 78 'route /upload. has no blobs in .front.' spillway-front --config "$dir/bad.conf"
printf '#include <spillway-handler.h>\nint x;\n' >"$dir/empty.c"
modules "$dir/empty.c"
bad 78 'sw_handler' "[route /empty]
module = $dir/empty.so"
for start in 'for (;;);' 'sleep(1000);' 'sigset_t s; sigfillset(&s); sigprocmask(SIG_SETMASK, &s, 0); for (;;);'; do
	printf '#define _GNU_SOURCE\n#include <signal.h>\n#include <unistd.h>\n#include <spillway-handler.h>\n' >"$dir/loop.c"
	printf '__attribute__((constructor)) static void f(void) { %s }\n' "$start" >>"$dir/loop.c"
	modules "$dir/loop.c"
	bad 78 'ended while loading' "[route /loop]
module = $dir/loop.so"
done
until_true isolates_gone
refused 64 'config FILE: missing option' spillway-front
echo "front: each asked with the kernel's kill and with the timer's"
