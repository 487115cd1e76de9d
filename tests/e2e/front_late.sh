#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A store that is told to end, and says that all is well: nobody asks it any more.
. "$(dirname "$0")/../e2e_lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)

cc -shared -fPIC -I"$root/producer" -o "$dir/upload.so" "$root/examples/handlers/upload.c"
cc -shared -fPIC -I"$root/producer" -o "$dir/hello.so" "$root/examples/handlers/hello.c"

# The front takes the `spillway` beside it.
mkdir "$dir/bin"
cp "$b/spillway-front" "$b/spillway-isolate" "$dir/bin"
cat >"$dir/bin/spillway" <<'SH'
#!/usr/bin/env bash
trap 'echo told >"$0.told"; exit 0' TERM
cat >/dev/null
while :; do read -rt 0.05 <> <(:) || :; done
SH
chmod +x "$dir/bin/spillway"

cat >"$dir/front.conf" <<CONF
[front]
listen = unix:$dir/http
blobs = dir:$dir/blobs
upload_s = 1
[route /hello]
module = $dir/hello.so
[route /upload]
module = $dir/upload.so
blob = 1
CONF
"$dir/bin/spillway-front" --config "$dir/front.conf" 2>"$dir/front.log" &
front=$!
pids+=("$front")
until_true grep -q ev=ready "$dir/front.log"

ask() { curl -sS --max-time 30 --unix-socket "$dir/http" "$@"; }

[ "$(ask -d film http://front/upload)" = "the body could not be stored" ] || fail "it was too late"
until_true test -e "$dir/bin/spillway.told"
[ "$(ask http://front/hello)" = "hello, world" ] || fail "the front serves on"
kill -TERM "$front"
wait "$front" || fail "front: status $?"
