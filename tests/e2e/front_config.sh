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

bad 'c.conf: no \[route PATH\]' '[front]'
bad 'c.conf:1: no section before .listen' 'listen = :80' '[front]' "$hello"
bad 'c.conf:2: unknown key .colour' '[front]' 'colour = red' "$hello"
bad 'c.conf:1: unknown section .colours' '[colours]' 'red = 1' "$hello"
bad "c.conf:2: not 'key = value'" '[front]' 'nonsense' "$hello"
bad 'c.conf:2: too long a line: .access_log' '[front]' "access_log = /$(printf %0200d 0)" "$hello"

# Sections: also one of the same name as the one before it, and one with nothing in it.
bad 'c.conf:4: a second route ./hello' '[front]' "$hello" "$hello"
bad 'c.conf:4: a second section .front' '[front]' "$hello" '[front]'
bad 'c.conf:2: \[route /empty\] has no module' '[front]' '[route /empty]' "$hello"
bad 'c.conf:2: no \] after .route /hello' '[front]' '[route /hello' "module = $dir/hello.so"
bad 'c.conf:1: a line of its own is wanted for .route /hello' "[route /hello] module = $dir/hello.so"
bad 'c.conf:1: a route.s path begins with /, not .hello' '[route hello]'
bad 'c.conf:4: must stand before the first \[route\]: .isolates' "$hello" '[front]' 'isolates = 1'

# Values, and keys that are there twice.
bad 'c.conf:2: request_s is .soon., not 1 to 86400' '[front]' 'request_s = soon' "$hello"
bad 'c.conf:3: isolates is .0., not 1 to 1024' "$hello" 'isolates = 0'
bad 'c.conf:4: a second .isolates' "$hello" 'isolates = 1' 'isolates = 2'
bad 'c.conf:3: a second .perf' '[front]' 'perf = no' 'perf = auto' "$hello"
bad 'c.conf:3: a second .module' "$hello" 'module = other.so'
bad 'c.conf:4: a second .set.A' "$hello" 'set.A = 1' 'set.A = 2'
bad 'c.conf:2: no value for .module' '[route /hello]' 'module ='
for at in 8080 localhost:80 127.0.0.1 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1: unix: "unix:/$(printf %0120d 0)"; do
	bad "c.conf:2: listen is '$at', not ADDRESS:PORT or unix:PATH" '[front]' "listen = $at" "$hello"
done
bad 'c.conf:2: stats is .9090., not' '[front]' 'stats = 9090' "$hello"
bad 'c.conf:2: broker is .here., not' '[front]' 'broker = here' "$hello"
bad 'c.conf:2: blobs is .here., not' '[front]' 'blobs = here' "$hello"
bad 'c.conf:2: perf is .maybe., not auto, no or must' '[front]' 'perf = maybe' "$hello"
refused 78 "$dir: Is a directory" spillway-front --config "$dir" --check-config
refused 78 'none.conf: No such file' spillway-front --config "$dir/none.conf"

# What looks odd and is not.
good '[front]  ; of all' '  listen = :8080' '	listen = [::1]:8080' '' '  # a remark' '[route /hello] # one' \
	"  module = $dir/hello.so ; the first" '  set.EMPTY ='
good "[route /$(printf 'long%.0s' $(seq 30))1]" "module = $dir/hello.so" \
	"[route /$(printf 'long%.0s' $(seq 30))2]" "module = $dir/hello.so"
printf '%s' "$hello" >"$dir/c.conf" # without an end of its last line
spillway-front --config "$dir/c.conf" --check-config || fail "no newline at the end"

# A file where the socket should be is not ours to remove.
echo precious >"$dir/file"
printf '[front]\nlisten = unix:%s\n%s\n' "$dir/file" "$hello" >"$dir/c.conf"
refused 69 'file: Address already in use' timeout 20 spillway-front --config "$dir/c.conf"
[ "$(cat "$dir/file")" = precious ] || fail "the file has gone"
echo "front_config: each mistake has its line"
