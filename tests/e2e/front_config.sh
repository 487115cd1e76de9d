#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is wrong with a front's configuration is said in one line, with its place.
. "$(dirname "$0")/../lib/e2e_lib.sh"
modules "$root/examples/handlers/hello.c"

hello="[route /hello]
module = $dir/hello.so"

# bad PATTERN LINE...: of these lines, together
bad() {
	local pattern=$1
	shift
	printf '%s\n' "$@" >"$dir/c.conf"
	refused 78 "$pattern" spillway-front --config "$dir/c.conf" --check-config
}

# good LINE...
good() {
	printf '%s\n' "$@" >"$dir/c.conf"
	spillway-front --config "$dir/c.conf" --check-config || fail "refused: $*"
}

bad 'c.conf: there is no \[route PATH\]' '[front]'
bad 'c.conf:2: unknown key .colour. in \[front\]' '[front]' 'colour = red' "$hello"
bad 'c.conf:3: unknown key .idle_s. in \[route /hello\]' "$hello" 'idle_s = 5'
bad 'c.conf:2: the line is longer than 4095 bytes' '[front]' "access_log = /$(printf %04095d 0)" "$hello"

# Sections: also one of the same name as the one before it, and one with nothing in it.
bad 'c.conf:4: section \[route /hello\] is there twice, first in line 2' '[front]' "$hello" "$hello"
bad 'c.conf:4: section \[front\] is there twice, first in line 1' '[front]' "$hello" '[front]'
bad 'c.conf:2: \[route /empty\] has no module' '[front]' '[route /empty]' "$hello"
bad 'c.conf:2: missing \] in .\[route /hello' '[front]' '[route /hello' "module = $dir/hello.so"
bad 'c.conf:1: unexpected text behind \]: .module = ' "[route /hello] module = $dir/hello.so"
bad 'c.conf:1: \[route hello\]: a route.s path must begin with /' '[route hello]'
bad 'c.conf:1: \[route /a b\]: a route.s path must' '[route /a b]'

# Values, and keys that are there twice.
bad 'c.conf:2: request_s is .soon.: must be a duration, 1s to 1d$' '[front]' 'request_s = soon' "$hello"
bad 'c.conf:2: request_s is .1500ms.: must be a duration, 1s to 1d$' '[front]' 'request_s = 1500ms' "$hello"
bad 'c.conf:3: isolates is .0.: must be 1 to 1024$' "$hello" 'isolates = 0'
bad 'c.conf:3: max_blob is .2 XB.: must be a size, 1 to 1t$' "$hello" 'max_blob = 2 XB'
bad 'c.conf:4: key .isolates. is there twice, first in line 3' "$hello" 'isolates = 1' 'isolates = 2'
bad 'c.conf:3: key .perf. is there twice, first in line 2' '[front]' 'perf = no' 'perf = auto' "$hello"
bad 'c.conf:3: key .module. is there twice, first in line 2' "$hello" 'module = other.so'
bad 'c.conf:4: key .set.A. is there twice, first in line 3' "$hello" 'set.A = 1' 'set.A = 2'
bad "c.conf:2: module is '': must name a file" '[route /hello]' 'module ='
for at in 8080 localhost:80 127.0.0.1 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1: unix: "unix:/$(printf %0120d 0)"; do
	bad "c.conf:2: listen is '${at:0:100}.*': must be ADDRESS:PORT or unix:PATH" '[front]' "listen = $at" "$hello"
done
bad 'c.conf:2: stats is .9090.: must be ADDRESS' '[front]' 'stats = 9090' "$hello"
bad 'c.conf:2: broker is .here.: must be ipc:' '[front]' 'broker = here' "$hello"
bad 'c.conf:2: broker is .tcp://.: must be ipc:' '[front]' 'broker = tcp://' "$hello"
bad 'c.conf:2: blobs is .here.: must be dir:' '[front]' 'blobs = here' "$hello"
bad 'c.conf:2: perf is .maybe.: must be auto, no or must' '[front]' 'perf = maybe' "$hello"
refused 78 "$dir: Is a directory" spillway-front --config "$dir" --check-config
refused 78 'none.conf: No such file' spillway-front --config "$dir/none.conf"
mkfifo "$dir/fifo"
refused 78 'fifo: is not a regular file' bounded spillway-front --config "$dir/fifo" --check-config
printf '%s\n' "$hello" >"$dir/c.conf"
refused 64 "^spillway-front: --perf is 'maybe': must be auto, no or must$" spillway-front --config "$dir/c.conf" --perf maybe

# Where the broker is, also from the environment: before anything starts.
for check in '' --check-config; do
	refused 64 '^spillway-front: \$SPILLWAY_BROKER is .here.: must be ipc:' \
		bounded env SPILLWAY_BROKER=here spillway-front --config "$dir/c.conf" $check
done
printf '[front]\nbroker = ipc:///nowhere\n%s\n' "$hello" >"$dir/d.conf"
SPILLWAY_BROKER=here spillway-front --config "$dir/d.conf" --check-config || fail "the file does not win"
SPILLWAY_BROKER=here spillway-front --config "$dir/c.conf" --broker ipc:///nowhere --check-config ||
	fail "the command line does not win"

# What looks odd and is not.
printf '%s\n' "$hello" | spillway-front --config /dev/stdin --check-config || fail "a pipe, which can be read but once"
{ seq -f '# %g' 300000 && printf '%s\n' "$hello"; } | spillway-front --config /dev/stdin --check-config ||
	fail "a pipe whose writer is slower"
good '[front]  ; of all' 'listen = :8080' 'listen = [::1]:8080' '' '  # a remark' '[route /hello] # one' \
	"module = $dir/hello.so ; the first" 'set.EMPTY ='
good "[route /$(printf 'long%.0s' $(seq 30))1]" "module = $dir/hello.so" \
	"[route /$(printf 'long%.0s' $(seq 30))2]" "module = $dir/hello.so"
good "$hello" 'isolates = 1' 'budget_us = 5ms' 'blob = no' 'sandbox = on' '[front]' 'isolates = 2' 'idle_s = 1m30s'
printf '%s' "$hello" >"$dir/c.conf" # without an end of its last line
spillway-front --config "$dir/c.conf" --check-config || fail "no newline at the end"

# A file where the socket should be is not ours to remove.
echo precious >"$dir/file"
printf '[front]\nlisten = unix:%s\n%s\n' "$dir/file" "$hello" >"$dir/c.conf"
refused 69 'file: Address already in use' bounded spillway-front --config "$dir/c.conf"
[ "$(cat "$dir/file")" = precious ] || fail "the file has gone"
echo "front_config: each mistake has its line"
