#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples/nginx.conf as it stands, but for its addresses: TLS and HTTP/2 in
# front of the front.
. "$(dirname "$0")/../lib/e2e_lib.sh"
PATH=$PATH:/usr/sbin

modules "$root"/tests/handlers/{echo,hostile}.c
cat >"$dir/front.conf" <<C
[front]
listen = unix:$dir/http
broker = $SPILLWAY_BROKER
request_s = $DEADLINE_S
[route /echo]
wall_ms = 60000
module = $dir/echo.so
[route /hostile]
module = $dir/hostile.so
C
: >"$dir/front.log"
spillway-front --config "$dir/front.conf" 2>>"$dir/front.log" &
front=$!
pids+=("$front")
until_true grep -q ev=ready "$dir/front.log"
chmod 755 "$dir"
chmod 777 "$dir/http" # nginx's processes are somebody else

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=example.org \
	-addext subjectAltName=DNS:example.org -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null

# replaced OLD NEW: in the example, where it must stand
replaced() {
	grep -qF "$1" "$dir/site.conf" || fail "the example has no '$1'"
	sed -i "s|$1|$2|" "$dir/site.conf"
}
cp "$root/examples/nginx.conf" "$dir/site.conf"
replaced 'server 127.0.0.1:8080' "server unix:$dir/http"
replaced 'listen 443' "listen unix:$dir/https"
replaced 'listen 80' "listen unix:$dir/plain"
replaced /etc/ssl/certs/spillway.pem "$dir/cert.pem"
replaced /etc/ssl/private/spillway.key "$dir/key.pem"
cat >"$dir/nginx.conf" <<C
daemon off;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events { }
http {
	access_log off;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	include $dir/site.conf;
}
C
nginx -c "$dir/nginx.conf" -e "$dir/nginx.log" &
nginx=$!
pids+=("$nginx")
until_true test -S "$dir/https"

# ask PATH CURL-ARGUMENT...: answer, and a line with version and status
ask() {
	local path=$1
	shift
	curl -s --max-time "$DEADLINE_S" --http2 --cacert "$dir/cert.pem" --unix-socket "$dir/https" \
		-w '\nHTTP/%{http_version} %{http_code}\n' "$@" "https://example.org$path"
}

# has WHAT WANTED TEXT
has() {
	grep -qF -- "$2" <<<"$3" || fail "$1: no '$2' in: $3"
	echo "ok: $1"
}

sockets() {
	find "/proc/$front/fd" -lname 'socket:*' | wc -l
}

got=$(ask '/echo/a?b=c' -H 'X-Forwarded-For: 6.6.6.6')
has "HTTP/2 and TLS" "HTTP/2 200" "$got"
has "path and query arrive" "GET /echo/a?b=c 0" "$got"
has "the client is told by nginx" "X-Forwarded-For: unix:" "$got"
has "so is the scheme" "X-Forwarded-Proto: https" "$got"
! grep -q 6.6.6.6 <<<"$got" || fail "the client's own X-Forwarded-For arrives"

before=$(sockets)
for _ in $(seq 20); do ask /echo -o /dev/null >/dev/null; done
[ "$(sockets)" -le "$before" ] || fail "nginx does not keep its connection"
echo "ok: 20 requests over one connection to the front"

head -c 1048576 /dev/zero >"$dir/body.1m"
has "a body of the front's limit" "POST /echo? 1048576" "$(ask /echo --data-binary "@$dir/body.1m")"
echo >>"$dir/body.1m"
has "a larger one" "HTTP/2 413" "$(ask /echo --data-binary "@$dir/body.1m")"
many=(-H "A: $(printf %06000d 0)" -H "B: $(printf %06000d 0)")
has "headers within both limits" "HTTP/2 200" "$(ask /echo "${many[@]}")"
many+=(-H "C: $(printf %06000d 0)")
has "headers beyond" "HTTP/1.1 400" "$(ask /echo --http1.1 "${many[@]}")"
has "nginx ends a connection of HTTP/2 for them" "HTTP/0 000" "$(ask /echo "${many[@]}" || :)"
has "a spinning handler" "error code: 1102" "$(ask /hostile/spin)"
has "a sleeping one" "HTTP/2 504" "$(ask /hostile/sleep)"
has "http is sent to https" "301 https://example.org/echo" \
	"$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' --unix-socket "$dir/plain" http://example.org/echo)"

kill -TERM "$front"
wait "$front" || fail "front: status $?"
has "no front" "HTTP/2 502" "$(ask /echo)"
kill -TERM "$nginx"
wait "$nginx" || fail "nginx: status $?"
