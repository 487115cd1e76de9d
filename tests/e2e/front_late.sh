#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What comes late: a body that is stored after its routes have been replaced, a job that is
# refused after them, and a store that says that all is well when nobody asks it any more.
. "$(dirname "$0")/../lib/e2e_lib.sh"

modules "$root"/examples/handlers/{upload,hello}.c

# The front takes the `spillway` beside it.
mkdir "$dir/bin"
cp "$b/spillway-front" "$b/spillway-isolate" "$dir/bin"
cat >"$dir/bin/spillway" <<'SH'
#!/usr/bin/env bash
trap 'echo >"$0.told"; exit 0' TERM
cat >/dev/null
echo >"$0.has"
until [ -e "$0.go" ]; do read -rt 0.05 <> <(:) || :; done
printf 'sha256:%064d;size=4\n' 0
SH
chmod +x "$dir/bin/spillway"

# conf UPLOAD_S
conf() {
	cat >"$dir/front.conf" <<CONF
[front]
listen = unix:$dir/http
blobs = dir:$dir/blobs
broker = ipc://$dir/none.sock
put_ms = 2000
upload_s = $1
wall_ms = 60000
request_s = $DEADLINE_S
[route /hello]
module = $dir/hello.so
[route /upload]
module = $dir/upload.so
blob = 1
CONF
}

ask() { curl -sS --max-time "$DEADLINE_S" --unix-socket "$dir/http" "$@"; }

reloaded() { kill -HUP "$front" && grep -q 'ev=reload routes' "$dir/front.log"; }
answered() { kill -HUP "$front" && ! kill -0 "$asking" 2>/dev/null; }

# front_start UPLOAD_S
front_start() {
	conf "$1"
	: >"$dir/front.log"
	"$dir/bin/spillway-front" --config "$dir/front.conf" 2>>"$dir/front.log" &
	front=$!
	pids+=("$front")
	until_true grep -q ev=ready "$dir/front.log"
}

front_stop() {
	kill -TERM "$front"
	wait "$front" || fail "front: status $?"
}

front_start "$DEADLINE_S"
ask -d video http://front/upload >"$dir/said" &
asking=$!
until_true test -e "$dir/bin/spillway.has"
until_true reloaded
touch "$dir/bin/spillway.go"
until_true answered
[ "$(cat "$dir/said")" = "the job could not be handed over" ] || fail "over two tables: $(cat "$dir/said")"
front_stop
rm "$dir/bin/spillway.go"

front_start 1
[ "$(ask -d video http://front/upload)" = "the body could not be stored" ] || fail "it was too late"
until_true test -e "$dir/bin/spillway.told"
[ "$(ask http://front/hello)" = "hello, world" ] || fail "the front serves on"
front_stop
