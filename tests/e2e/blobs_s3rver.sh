#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Blobs in a bucket of s3rver, an independent server: tests/servers/s3_server.py could
# share a misunderstanding with the driver.  (s3rver knows keys but does not verify
# signatures of version 4; tests/servers/s3_server.py does.)
. "$(dirname "$0")/../lib/e2e_lib.sh"
skip() { echo "skipped: all: $1" && exit 0; }
command -v npm >/dev/null || skip "there is no npm"
have=$b/../s3rver
mkdir -p "$have"
[ -x "$have/node_modules/.bin/s3rver" ] ||
	timeout 120 npm install --prefix "$have" --no-audit --no-fund --silent s3rver@3.7.1 >"$dir/npm.log" 2>&1 ||
	skip "npm cannot install s3rver: $(tail -n 1 "$dir/npm.log")"

"$have/node_modules/.bin/s3rver" -d "$dir/data" -p 0 -a 127.0.0.1 --no-vhost-buckets --configure-bucket bucket >"$dir/s3rver.log" 2>&1 &
pids+=("$!")
until_true grep -q 'listening on' "$dir/s3rver.log"
export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_REGION=us-east-1
export AWS_ENDPOINT_URL=http://$(grep -o '127.0.0.1:[0-9]*' "$dir/s3rver.log" | head -n 1)
export SPILLWAY_BLOBS=s3://bucket/some/prefix?backoff=1 TMPDIR=$dir
broker_start

for n in 0 1 5000000 9000000; do
	head -c $n /dev/urandom >"$dir/in"
	ref=$(spillway blob put "$dir/in")
	spillway blob get "$ref" -o "$dir/out" && cmp "$dir/in" "$dir/out"
done
for i in 1 2 3; do echo "$i" | spillway blob put - >>"$dir/said"; done
[ "$(spillway blob ls --json | wc -l)" = 7 ] || fail "$(spillway blob ls)"
refused 1 "no such blob" spillway blob get "sha256:$(printf 0%.0s {1..64})"
refused 1 "no bucket" spillway blob ls --blobs s3://nobody
refused 1 "InvalidAccessKeyId" env AWS_ACCESS_KEY_ID=nobody spillway blob ls

spillway put later x --delay 1h --header "blob=$ref" >"$dir/said"
spillway blob gc --older 1h >"$dir/said"
grep -q "deleted 0 blobs.* 7 kept" "$dir/said" || fail "$(cat "$dir/said")"
# The server tells times in whole seconds: what was just put may look younger.
swept() { spillway blob gc --older 0 --force && [ "$(spillway blob ls --json | wc -l)" = 1 ]; }
until_true swept
spillway blob get "$ref" | cmp - "$dir/in"
echo "against s3rver, which others wrote"
