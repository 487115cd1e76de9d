#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The job webhook against receivers on loopback, over HTTP and TLS: signatures,
# the disposition of each answer, refused addresses, limits, open connections.
. "$(dirname "$0")/../lib/e2e_lib.sh"
cd "$(dirname "$0")/../.."
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 TMPDIR=$dir

secret() { echo "whsec_$(head -c 32 /dev/urandom | base64)"; }
s1=$(secret) s2=$(secret) s3=$(secret)
export SECRETS="$s1 $s2 $s3"

# server LOG [CERT KEY]: sets `port`.
server() {
	python3 tests/servers/webhook_server.py "$dir/$1.jsonl" "${@:2}" >"$dir/$1.port" 2>>"$dir/$1.log" &
	pids+=("$!")
	until_true test -s "$dir/$1.port"
	port=$(cat "$dir/$1.port")
}

# heard ID EXPRESSION [LOG]: EXPRESSION is true of the requests with that id, the list `r`.
heard() {
	python3 - "$dir/${3:-plain}.jsonl" "$1" "$2" <<'P' || fail "heard $2: $(grep "$1" "$dir/${3:-plain}.jsonl" || :)"
import json, os, sys
lines = list(map(json.loads, open(sys.argv[1])))
r = [x for x in lines if x.get("id") == sys.argv[2]]
s1, s2, s3 = os.environ["SECRETS"].split()
for x in r:
    x["headers"] = dict(map(tuple, x["headers"]))
sys.exit(not eval(sys.argv[3]))
P
}
requests() { grep -c '"path"' "$dir/$1.jsonl" || :; }
connections() { grep -c '^{"connection"' "$dir/$1.jsonl" || :; }
post() { spillway put "${queue:-hook}" "${body-{\}}" --header "endpoint=$1" "${@:2}"; }

# dies ATTEMPTS PATTERN ID: the job is dead after ATTEMPTS with that error.
dies() {
	! spillway wait "$3" >/dev/null 2>&1 || fail "it went well, instead of '$2'"
	spillway dead show "$3" >"$dir/said"
	cat "$dir/said" >>"$dir/dead.log"
	grep -qE -- "$2" "$dir/said" || fail "no '$2' in $(cat "$dir/said")"
	grep -q "attempts *$1\b" "$dir/said" || fail "not $1 attempts: $(cat "$dir/said")"
}

# Certificates: a private authority, and one certificate for localhost.
cert() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=DNS:$1" -keyout "$dir/$1.key" -out "$dir/$1.pem" 2>>"$dir/openssl.log"
}
cert localhost
server tls "$dir/localhost.pem" "$dir/localhost.key"
tls=$port
server plain
url=http://127.0.0.1:$port

statuses="200 201 204 299 300 301 303 304 307 308 400 401 403 404 408 409 410 413 422 425 429 451 500 501 502 503 504 599"
{
	cat <<C
[webhook]
allow = 127.0.0.0/8
max_answer = 4k
[webhook plain]
url = $url/status/200
secret = $s1
headers = X-Api-Version: 3 | Authorization: Bearer b-e-a-r-e-r
[webhook two]
url = $url/status/200
secret = $s2 $s3
[webhook file]
url = $url/status/200
secret_file = $dir/secret
[webhook bare]
url = $url/status/200
unsigned = yes
[webhook flaky]
url = $url/flaky/2
secret = $s1
[webhook seconds]
url = $url/status/503?Retry-After=3600
unsigned = yes
[webhook date]
url = $url/later?after=7200
unsigned = yes
[webhook long]
url = $url/status/429?Retry-After=99999999999999999999
unsigned = yes
retry_after_max = 10h
[webhook past]
url = $url/later?after=-7200
unsigned = yes
[webhook words]
url = $url/status/503?Retry-After=soon
unsigned = yes
[webhook negative]
url = $url/status/503?Retry-After=-3600
unsigned = yes
[webhook redirect]
url = $url/status/302?Location=http%3A%2F%2Fu%3Apass%40127.0.0.1%3A$port%2Ftarget%3Ftoken%3D1
unsigned = yes
[webhook slow]
url = $url/slow
unsigned = yes
timeout = 200ms
[webhook patient]
url = $url/slow
unsigned = yes
timeout = 5m
[webhook stall]
url = $url/stall
unsigned = yes
timeout = 200ms
$(for w in length chunk chunks head line hints; do printf '[webhook cut_%s]\nurl = %s/cut/%s\nunsigned = yes\n' $w "$url" $w; done)
[webhook flood]
url = $url/flood
unsigned = yes
[webhook heads]
url = $url/heads
unsigned = yes
[webhook nobody]
url = http://127.0.0.1:1/
unsigned = yes
[webhook noname]
url = http://name.invalid/
unsigned = yes
[webhook tls]
url = https://localhost:$tls/status/200
secret = $s1
allow = 127.0.0.0/8 ::1
ca_file = $dir/localhost.pem
[webhook untrusted]
url = https://localhost:$tls/status/200
unsigned = yes
allow = 127.0.0.0/8 ::1
[webhook wrongname]
url = https://127.0.0.1:$tls/status/200
unsigned = yes
ca_file = $dir/localhost.pem
[webhook notls]
url = https://127.0.0.1:$port/status/200
unsigned = yes
[webhook refused]
url = $url/status/200
unsigned = yes
allow =
C
	for s in $statuses; do printf '[webhook s%s]\nurl = %s/status/%s\nunsigned = yes\n' "$s" "$url" "$s"; done
	n=0
	for h in localhost 127.1 2130706433 0x7f000001 0177.0.0.1 0.0.0.0 '[::ffff:127.0.0.1]' '[::1]' '[::ffff:7f00:1]' \
		'[64:ff9b::7f00:1]' '[2002:7f00:1::]' 169.254.169.254 10.0.0.1 '[fe80::1]' '[fd00:ec2::254]'; do
		printf '[webhook p%d]\nurl = http://%s:%s/\nunsigned = yes\nallow =\n' $((n += 1)) "$h" "$port"
	done
	echo "$n" >"$dir/private"
} >"$dir/jobs.conf"
(umask 077 && echo "$s2" >"$dir/secret")

broker_start
for q in hook other; do spillway queue set $q backoff_ms=1 max_attempts=2; done
spillway queue set later backoff_ms=100s max_attempts=5
worker_start one --slots 1 --jobs "$dir/jobs.conf" --queue hook=webhook --queue later=webhook

# The post: the body unchanged, signed, with the job's id.
body='{"type":"user.created",  "data": "ä"}'
export body
id=$(post plain)
result=$(spillway wait "$id")
[[ $result == '{"status":200,"ms":'*',"answer":"the receiver says \u001b[2J200"}' ]] || fail "result $result"
heard "$id" 'len(r) == 1 and r[0]["signers"] == [s1] and r[0]["body"] == os.environ["body"]'
heard "$id" 'r[0]["headers"]["content-type"] == "application/json" and r[0]["headers"]["x-api-version"] == "3"'
heard "$id" 'r[0]["headers"]["authorization"] == "Bearer b-e-a-r-e-r" and r[0]["headers"]["user-agent"].startswith("Spillway/")'
id=$(body='' post two --content-type 'text/plain; charset=utf-8' --wait 2>&1 >/dev/null)
heard "$id" 'r[0]["signers"] == [s2, s3] and r[0]["length"] == 0 and r[0]["headers"]["content-type"] == "text/plain; charset=utf-8"'
id=$(post bare --wait 2>&1 >/dev/null)
heard "$id" 'len(r) == 1 and "webhook-signature" not in r[0]["headers"]'
for s in "$s2" "$s3"; do
	echo "$s" >"$dir/secret"
	id=$(post file --wait 2>&1 >/dev/null)
	heard "$id" "r[0]['signers'] == ['$s']"
done
head -c 128k /dev/zero >"$dir/most"
id=$(spillway put hook --file "$dir/most" --header endpoint=plain --wait 2>&1 >/dev/null)
heard "$id" 'r[0]["length"] == 131072 and r[0]["signers"] == [s1]'

# Each attempt has its own time and the same id.
spillway queue set hook max_attempts=3 backoff_ms=1500
id=$(post flaky)
spillway wait "$id" >/dev/null || fail "the third try"
heard "$id" 'len(r) == 3 and all(x["signers"] == [s1] for x in r)'
heard "$id" 'all(int(before) <= int(x["headers"]["webhook-timestamp"]) <= x["at"] for before, x in zip([0] + [x["at"] for x in r], r))'
spillway queue set hook max_attempts=2 backoff_ms=1

# Twenty jobs, one connection.
id=$(spillway put hook a --header endpoint=plain --wait 2>&1 >/dev/null)
before=$(connections plain)
for _ in $(seq 20); do post plain >/dev/null; done
until_true count_is 0 hook ready leased
[ "$(connections plain)" = "$before" ] || fail "$(($(connections plain) - before)) connections for 20 jobs"
# An open connection does not get around another endpoint's `allow`.
dies 1 '127.0.0.1 \(loopback\) is refused; `allow` in \[webhook refused\]' "$(post refused)"

# Every row of the table.
for s in $statuses; do
	case $s in
	2*) spillway wait "$(post "s$s")" >/dev/null || fail "$s" ;;
	410) dies 1 "410 .the receiver has gone for good" "$(post "s$s")" ;;
	3*) dies 1 "$s .redirects are not followed" "$(post "s$s")" ;;
	408 | 425 | 429 | 5*) dies 2 "$url: $s: the receiver says" "$(post "s$s")" ;;
	*) dies 1 "$url: $s: the receiver says" "$(post "s$s")" ;;
	esac
done
grep -q $'\x1b' "$dir/dead.log" && fail "an answer's escape reaches the terminal"

# A redirect is not followed; the error names it without its secrets.
dies 1 "302 to http://127.0.0.1:$port/target .redirects are not followed" "$(post redirect)"
! grep -qE 'token|pass' "$dir/said" || fail "secrets of a URL: $(cat "$dir/said")"
! grep -q '"/target"' "$dir/plain.jsonl" || fail "the redirect was followed"

# Both forms of Retry-After set the time of the retry; a malformed one is ignored.
# All in milliseconds: `waits` from the end of the attempt to the retry, `late` from
# the request to that end.  The queue is paused after each, so that no retry runs
# before the check, nor while connections are counted below.
runs_in() {
	local id
	spillway resume later
	id=$(queue=later post "$1")
	until_true grep -q "$id" "$dir/plain.jsonl"
	spillway pause later
	until_true count_is 0 later leased
	spillway get "$id" --json >"$dir/said"
	heard "$id" "len(r) == 1"
	python3 - "$dir/said" "$dir/plain.jsonl" "$2" <<'P' || fail "$1: not $2: $(cat "$dir/said")"
import json, sys
j = json.load(open(sys.argv[1]))
r = [x for x in map(json.loads, open(sys.argv[2])) if x.get("id") == j["id"]]
ended = j["events"][-1]["at_ms"]
waits, late = j["run_at_ms"] - ended, ended - r[0]["at"] * 1000
sys.exit(not eval(sys.argv[3]))
P
}
runs_in seconds 'waits == 3600000'
runs_in date 'abs(waits - 7200000) <= 2000 + late'
runs_in long 'waits == 36000000'
for e in past words negative; do runs_in $e '0 < waits <= 126000'; done

# Limits of size and time, and receivers that cannot be reached.
for e in flood heads; do
	spillway wait "$(post $e)" >"$dir/said" || fail "$e: an answer is judged by its status"
	[ "$(wc -c <"$dir/said")" -lt 1200 ] || fail "$e: a long result"
	until_true grep -q "\"endless\": \"$e\"" "$dir/plain.jsonl"
	[ "$(sed -n "s/.*\"endless\": \"$e\", \"sent\": \([0-9]*\).*/\1/p" "$dir/plain.jsonl")" -lt 50000000 ] || fail "$e was read on"
done
dies 2 "timed out after" "$(post slow)"
dies 2 "timed out after" "$(post stall)"
# A truncated answer is a retry even if it began with a 200.
for w in length chunk chunks head line hints; do
	dies 2 "$url: (transfer closed with|the answer ended before its head)" "$(post cut_$w)"
done
# The job's own time: it ends half a second before the worker ends it, for which a busy
# machine may need more than one go.
# ends_itself MS PATTERN
ends_itself() {
	for _ in $(seq 20); do
		id=$(post patient --timeout "$1")
		! spillway wait "$id" >/dev/null 2>&1 || fail "$1: it went well"
		spillway dead show "$id" >"$dir/said"
		grep -q 'dead (error)' "$dir/said" && grep -q -- "$2" "$dir/said" && return
	done
	fail "$1: it waited until it was killed: $(cat "$dir/said")"
}
ends_itself 900ms "timed out after"
ends_itself 400ms "no time is left"
dies 2 "Failed to connect to 127.0.0.1 port 1" "$(post nobody)"
dies 2 "Could not resolve host: name.invalid" "$(post noname)"

# Private addresses are refused in every notation.
before=$(connections plain)
for n in $(seq "$(cat "$dir/private")"); do
	dies 1 "\((loopback|local|link-local|private)\) is refused" "$(post "p$n")"
done
[ "$(connections plain)" = "$before" ] || fail "a refused address was connected to"

# TLS.
spillway wait "$(post tls)" >/dev/null || fail "a trusted certificate"
dies 2 "certificate" "$(post untrusted)"
dies 2 "certificate subject name|no alternative certificate" "$(post wrongname)"
dies 2 "$url|https://127.0.0.1:$port: .*(SSL|TLS|wrong version)" "$(post notls)"
[ "$(requests tls)" = 1 ] || fail "a request over a connection that was not trusted"

# A job that is wrong.
dies 1 "endpoint=other: no such section" "$(post other)"
dies 1 "one header of endpoint=NAME and url=URL" "$(spillway put hook x)"
dies 1 "one header of endpoint=NAME and url=URL" "$(post plain --header url=https://example.org/)"
dies 1 "any_url" "$(spillway put hook x --header url=https://example.org/)"
dies 1 "control characters" "$(post plain --content-type $'text/plain\r\nX-Smuggled: 1')"
! grep -qi smuggled "$dir/plain.jsonl" || fail "a header was smuggled in"
# Errors of the configuration are retried.
chmod 604 "$dir/secret"
dies 2 "secret_file $dir/secret is open to everybody" "$(post file)"
rm "$dir/secret"
dies 2 "secret_file .*No such file" "$(post file)"

# URLs of jobs: https only, with the same refusals; blobs as bodies.
any() { spillway put "other" x --header "url=$1"; }
any_worker() {
	printf '[webhook]\nany_url = yes\nsecret = %s\n%s\n' "$s1" "$2" >"$dir/$1.conf"
	worker_start "$1" --slots 1 --jobs "$dir/$1.conf" --blobs "dir:$dir/blobs" --queue other=webhook
}
any_worker two "ca_file = $dir/localhost.pem"
for u in "https://localhost:$tls/status/200" "https://0x7f000001:$tls/"; do
	dies 1 "\(loopback\) is refused; .allow. in \[webhook\]" "$(any "$u")"
done
dies 1 "url: must be https://" "$(any "$url/status/200")"
dies 1 "url: must be https://" "$(any gopher://127.0.0.1/)"
dies 1 "must not contain a user" "$(any "https://u:pw@localhost:$tls/status/200")"
dies 1 "url: " "$(any "https://")"
kill "$worker" && wait "$worker" || :
any_worker three "$(printf 'ca_file = %s\nallow = 127.0.0.0/8 ::1' "$dir/localhost.pem")"
id=$(any "https://localhost:$tls/status/200")
spillway wait "$id" >/dev/null || fail "any_url"
heard "$id" 'r[0]["signers"] == [s1]' tls
head -c 300000 /dev/urandom >"$dir/large"
id=$(spillway put other --file "$dir/large" --claim-check --blobs "dir:$dir/blobs" \
	--header "url=https://localhost:$tls/status/200" --wait 2>&1 >/dev/null)
sum=$(sha256sum <"$dir/large") && sum=${sum%% *}
heard "$id" "r[0]['sha256'] == '$sum' and r[0]['signers'] == [s1]" tls

# No secret appears anywhere; mistakes end the worker at its start.
! grep -rqF -e "$s1" -e "$s2" -e "$s3" -e b-e-a-r-e-r "$dir"/*.log || fail "a secret is in a log: $(grep -rlF "$s1" "$dir"/*.log)"
printf '[webhook a]\nurl = %s\nsecret_file = %s\n' "$url" "$dir/open" >"$dir/open.conf"
(umask 022 && echo "$s1" >"$dir/open")
refused 78 "\[webhook a\] secret_file $dir/open is open to everybody$" spillway-worker --queue q=webhook --jobs "$dir/open.conf" --check-config
refused 78 "there is no receiver" spillway-worker --queue q=webhook
printf '[webhook a]\nurl = https://example.org/\nsecret = x\n' >"$dir/bad.conf"
refused 78 "\[webhook a\] secret: must be" spillway-worker --jobs "$dir/bad.conf" --queue q=webhook

# The reference implementation agrees, where it is installed.
unset http_proxy https_proxy
have=$b/../standardwebhooks
if command -v npm >/dev/null && mkdir -p "$have" &&
	{ [ -d "$have/node_modules/standardwebhooks" ] || timeout 60 npm install --prefix "$have" --no-audit --no-fund --silent standardwebhooks@1.0.0 >"$dir/npm.log" 2>&1; }; then
	spillway wait "$(post plain)" >/dev/null
	grep '"body": "{' "$dir/plain.jsonl" | tail -n 1 >"$dir/last.json"
	NODE_PATH=$have/node_modules node -e '
		const { Webhook } = require("standardwebhooks");
		const r = JSON.parse(require("fs").readFileSync(process.argv[1]));
		const verify = (s, body) => new Webhook(s).verify(body, Object.fromEntries(r.headers));
		verify(process.argv[2], r.body);
		for (const [s, body] of [[process.argv[3], r.body], [process.argv[2], r.body + " "]]) {
			let ok = true;
			try { verify(s, body); } catch { ok = false; }
			if (ok) throw new Error("it takes anything");
		}' "$dir/last.json" "$s1" "$s2" || fail "the package standardwebhooks does not verify it"
else
	echo "skipped: standardwebhooks: npm cannot install it: $(tail -n 1 "$dir/npm.log" 2>&1)"
fi
echo "$(requests plain) requests over HTTP, $(requests tls) over TLS, $(cat "$dir/private") private spellings refused"
