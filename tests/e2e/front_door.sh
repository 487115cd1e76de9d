#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A front's sockets, and clients that are slow, odd or many; front_door.py plays them.
. "$(dirname "$0")/../lib/e2e_lib.sh"

modules "$root"/examples/handlers/hello.c "$root"/tests/handlers/echo.c
# conf LINE...: of [front]
conf() {
	printf '%s\n' '[front]' 'wall_ms = 60000' "$@" "[route /hello]" "module = $dir/hello.so" "[route /echo]" "module = $dir/echo.so"
}
conf "listen = unix:$dir/http" "access_log = $dir/access.log" 'max_headers = 4096' 'max_body = 100000' \
	"request_s = $DEADLINE_S" >"$dir/front.conf"
conf "listen = unix:$dir/http" 'request_s = 2' >"$dir/strict.conf"
conf >"$dir/given.conf"
timeout $((4 * DEADLINE_S)) python3 "$root/tests/e2e/front/front_door.py" "$dir"
