#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The job email against real mail servers: every disposition, TLS and AUTH, the
# mails as an independent parser reads them, and input that must not be sent.
. "$(dirname "$0")/../lib/e2e_lib.sh"
python=/usr/bin/python3 # that of Debian, which has its packages
mails=$dir/mail

# certificate NAME CA: for localhost.
certificate() {
	openssl req -newkey rsa:2048 -nodes -keyout "$dir/$1.key" -subj "/CN=$1" -out "$dir/$1.csr" 2>/dev/null
	openssl x509 -req -in "$dir/$1.csr" -CA "$dir/$2.pem" -CAkey "$dir/$2.key" -CAcreateserial \
		-extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$dir/$1.pem" 2>/dev/null
}
for ca in ca ca2; do
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/$ca.key" -subj "/CN=$ca" -out "$dir/$ca.pem" 2>/dev/null
done
certificate good ca
certificate other ca2

"$python" "$root/tests/servers/email_server.py" "$dir" 2>"$dir/server.log" &
pids+=("$!")
until_true test -e "$dir/ports"
port() { sed -n "s/^$1=//p" "$dir/ports"; }

# worker_with NAME [KEY=VALUE]...: serves the queue NAME with that [email].
worker_with() {
	local name=$1
	shift
	{ echo "[email]"; echo "from = Häuser & Co <shop@example.org>"; printf '%s\n' "$@"; } >"$dir/$name.conf"
	spillway queue set "$name" backoff_ms=10 max_attempts=2
	worker_start "$name" --slots 1 --queue "$name=email" --jobs "$dir/$name.conf" --blobs "dir:$dir/blobs"
}

broker_start
mkdir "$dir/blobs" "$dir/templates"

# arrives QUEUE JSON [OPTION]...: the mail is sent; sets eml and env to its files.
arrives() {
	local queue=$1 body=$2 n
	shift 2
	n=$(find "$mails" -name '*.json' | wc -l)
	id=$(spillway put "$queue" "$body" "$@")
	said=$(spillway wait "$id") || fail "not sent: $body: $(spillway get "$id")"
	eml=$mails/$((n + 1)).eml env=$mails/$((n + 1)).json
	[ -e "$env" ] || fail "sent, but not arrived: $body"
}

# dies QUEUE ATTEMPTS PATTERN JSON: the job is dead after ATTEMPTS with that error.
dies() {
	local queue=$1 attempts=$2 pattern=$3 n
	n=$(find "$mails" -name '*.json' | wc -l)
	id=$(spillway put "$queue" "$4")
	! spillway wait "$id" >/dev/null 2>&1 || fail "sent: $4"
	spillway dead show "$id" >"$dir/dead"
	grep -qE -- "$pattern" "$dir/dead" || fail "$4: no '$pattern' in: $(cat "$dir/dead")"
	grep -qE "attempts *$attempts\b" "$dir/dead" || fail "$4: not $attempts attempts: $(cat "$dir/dead")"
	[ "$(find "$mails" -name '*.json' | wc -l)" = "$n" ] || fail "arrived all the same: $4"
}

# parsed EXPRESSION VALUE: of the mail `m` or the envelope `e`, by Python's email package.
parsed() {
	local got
	got=$("$python" -c '
import email, email.policy, json, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
e = json.load(open(sys.argv[2]))
raw = open(sys.argv[1], "rb").read()
print(eval(sys.argv[3]))' "$eml" "$env" "$1")
	[ "$got" = "$2" ] || fail "$1 is '$got', not '$2'"
}
alarms() { grep -c "ev=alarm " "$dir/$1.log" || :; }

### Mails that arrive
worker_with plain "server = localhost:$(port plain)" "tls = none" "templates = $dir/templates" "hello = me.test"
before=$(date +%s)
arrives plain '{"to": "Ann Bö <ann@example.org>", "subject": "Grüße, und noch viel mehr davon: 你好世界你好世界你好世界你好世界",
	"text": "Hello\n.dot\nFrom here\ntrailing \nünï\n", "html": "<p>Hi</p>", "reply_to": "\"Desk, Help\" <desk@example.org>",
	"cc": ["bob@example.org", {"name": "C \"the\" D", "address": "cd@example.org"}], "recipient": "ann@example.org",
	"headers": {"X-Shop-Order": "42", "In-Reply-To": "<a@b>"}, "list_unsubscribe": ["https://example.org/u?x=1", "mailto:u@example.org"]}'
parsed 'm["subject"]' "Grüße, und noch viel mehr davon: 你好世界你好世界你好世界你好世界"
parsed 'm["from"].addresses[0].display_name, m["from"].addresses[0].addr_spec' "('Häuser & Co', 'shop@example.org')"
parsed 'm["to"].addresses[0].display_name' "Ann Bö"
parsed '[str(a) for a in m["cc"].addresses]' "['bob@example.org', '\"C \\\\\"the\\\\\" D\" <cd@example.org>']"
parsed 'm["reply-to"].addresses[0].display_name' "Desk, Help"
parsed 'm["message-id"]' "<$id@example.org>"
parsed 'm["x-shop-order"], m["in-reply-to"]' "('42', '<a@b>')"
parsed 'm["list-unsubscribe"], m["list-unsubscribe-post"]' "('<https://example.org/u?x=1>, <mailto:u@example.org>', 'List-Unsubscribe=One-Click')"
parsed 'e["to"], e["from"], e["hello"]' "(['ann@example.org'], 'shop@example.org', 'me.test')"
parsed 'm.get_content_type(), [p.get_content_type() for p in m.iter_parts()]' "('multipart/alternative', ['text/plain', 'text/html'])"
parsed 'repr(m.get_body(("plain",)).get_content())' "'Hello\\n.dot\\nFrom here\\ntrailing \\nünï\\n'"
parsed 'm["date"].datetime.tzinfo is not None and '$before' <= m["date"].datetime.timestamp() <= __import__("time").time()' True
parsed 'max(map(len, raw.split(b"\r\n"))) <= 78 and raw.isascii() and b"\n" not in raw.replace(b"\r\n", b"")' True
parsed 'm.defects + [d for p in m.walk() for d in p.defects]' "[]"
grep -q "\"message_id\":\"<$id@example.org>\",\"reply\":\"250 2.0.0 taken as 1\"" <<<"$said" || fail "result: $said"

# Attachments, from the store, from the body and from the job's own blob.
head -c 300001 /dev/urandom >"$dir/a.bin"
head -c 58368 /dev/urandom >"$dir/chunk.bin" # as many lines as are made at a time
: >"$dir/empty.bin"
for f in a chunk empty; do declare "ref_$f=$(spillway blob put "$dir/$f.bin" --blobs "dir:$dir/blobs")"; done
arrives plain "{\"to\": \"ann@example.org\", \"subject\": \"files\", \"text\": \"t\", \"html\": \"<img src='cid:logo'>\", \"attachments\": [
	{\"blob\": \"$ref_a\", \"name\": \"Rechnung für Ärger und Öl, Nr. 5.pdf\", \"type\": \"application/pdf\"},
	{\"blob\": \"$ref_chunk\", \"cid\": \"logo\", \"type\": \"image/png\"}, {\"blob\": \"$ref_empty\", \"name\": \"empty\"},
	{\"content\": \"BEGIN:VCALENDAR\", \"name\": \"i.ics\", \"type\": \"text/calendar; method=REQUEST\"},
	{\"name\": \"own.bin\"}]}" --blob "$dir/a.bin" --blobs "dir:$dir/blobs"
parsed 'm.get_content_type(), [p.get_filename() for p in m.iter_attachments()]' \
	"('multipart/mixed', ['Rechnung für Ärger und Öl, Nr. 5.pdf', 'empty', 'i.ics', 'own.bin'])"
parsed "[p.get_content() == open('$dir/' + f, 'rb').read() for p, f in zip(m.walk(), [None] * 5 + ['chunk.bin', 'a.bin', 'empty.bin', None, 'a.bin']) if f]" "[True, True, True, True]"
parsed '[p.get_content_type() for p in m.walk()][:6]' "['multipart/mixed', 'multipart/related', 'multipart/alternative', 'text/plain', 'text/html', 'image/png']"
parsed '[p["content-id"] for p in m.walk() if p["content-id"]]' "['<logo>']"
parsed '[p.get_content() for p in m.walk() if p.get_filename() == "i.ics"]' "['BEGIN:VCALENDAR']"
parsed 'm.defects + [d for p in m.walk() for d in p.defects]' "[]"
dies plain 1 "no such blob|no blob|does not exist" "{\"to\": \"ann@example.org\", \"subject\": \"s\", \"text\": \"t\", \"attachments\": [{\"name\": \"x\", \"blob\": \"sha256:$(printf '%064d' 7);size=3\"}]}"
# A wrong size in a reference fails the job; a truncated blob is a retry.
attached() { echo "{\"to\": \"ann@example.org\", \"subject\": \"s\", \"text\": \"t\", \"attachments\": [{\"name\": \"x\", \"blob\": \"$1\"}]}"; }
for size in 0 300000 300002; do
	dies plain 1 "attachment: the blob has 300001 bytes, its reference says $size$" "$(attached "${ref_a%=*}=$size")"
done
# The read at the end finds a damaged blob: nothing arrives, the job is retried.
chmod -R u+w "$dir/blobs"
hex=${ref_chunk#sha256:} hex=${hex%%;*}
damaged=$(find "$dir/blobs" -name "$hex")
printf damage | dd of="$damaged" bs=1 seek=7 conv=notrunc 2>/dev/null
dies plain 2 "attachment" "$(attached "$ref_chunk")"
truncate -s 100 "$damaged"
dies plain 2 "attachment" "$(attached "$ref_chunk")"

# A body that is a blob; one recipient of several, or one that no header names.
printf '{"to": ["a@example.org", "b@example.org"], "recipient": "hidden@example.org", "subject": "large", "text": "%s"}' \
	"$(head -c 300000 /dev/zero | tr '\0' x)" >"$dir/large"
n=$(find "$mails" -name '*.json' | wc -l)
id=$(spillway put plain - --claim-check --blobs "dir:$dir/blobs" <"$dir/large")
spillway wait "$id" >/dev/null || fail "a body that is a blob: $(spillway get "$id")"
eml=$mails/$((n + 1)).eml env=$mails/$((n + 1)).json
parsed 'len(m.get_content().strip()), e["to"], "hidden" in str(m)' "(300000, ['hidden@example.org'], False)"

# A blob too large for a body, after a mail from a template: nothing of that mail remains.
echo s >"$dir/templates/bare.subject"
echo t >"$dir/templates/bare.text"
arrives plain '{"to": "a@example.org", "template": "bare"}'
head -c 8388609 /dev/zero | tr '\0' ' ' >"$dir/larger"
id=$(spillway put plain - --claim-check --blobs "dir:$dir/blobs" <"$dir/larger")
! spillway wait "$id" >/dev/null 2>&1 || fail "a body of 8 MB and a byte was taken"
spillway dead show "$id" >"$dir/dead"
grep -q "body is larger than 8388608 bytes" "$dir/dead" && grep -q "attempts *1$" "$dir/dead" || fail "a body of 8 MB and a byte: $(cat "$dir/dead")"

# International addresses.
arrives plain '{"to": "Jörg <jörg@bücher.example>", "subject": "s", "text": "t"}'
parsed 'e["to"], "SMTPUTF8" in e["options"]' "(['jörg@xn--bcher-kva.example'], True)"
arrives plain '{"to": "joerg@bücher.example", "subject": "s", "text": "t"}'
parsed 'e["to"], "SMTPUTF8" in e["options"], raw.isascii()' "(['joerg@xn--bcher-kva.example'], False, True)"
for name in ascii lax; do # one that refuses such addresses, one that would take them unasked
	worker_with $name "server = localhost:$(port $name)" "tls = none"
	dies $name 1 "SMTPUTF8" '{"to": "jörg@bücher.example", "subject": "s", "text": "t"}'
done
arrives ascii '{"to": "joerg@bücher.example", "subject": "s", "text": "t"}'

# Templates: the place of a value decides how it is written.
printf 'Hi {{name}}\n' >"$dir/templates/welcome.subject"
printf 'Dear {{name}}, {{ n }} & {{{name}}}\n' >"$dir/templates/welcome.text"
printf '<p title="{{name}}">{{name}} {{{raw}}}</p><a href="{{link}}">x</a><a href="https://e.org/?q={{name}}">y</a>\n' >"$dir/templates/welcome.html"
printf 'x {{name' >"$dir/templates/broken.text"
values='"values": {"name": "<b>\"Ann\" & Bö", "n": 3, "raw": "<i>r</i>", "link": "https://e.org/?a=1&b=2"}'
arrives plain "{\"to\": \"a@example.org\", \"template\": \"welcome\", $values}"
parsed 'm["subject"]' 'Hi <b>"Ann" & Bö'
parsed 'm.get_body(("html",)).get_content().strip()' '<p title="&lt;b&gt;&quot;Ann&quot; &amp; Bö">&lt;b&gt;&quot;Ann&quot; &amp; Bö <i>r</i></p><a href="https://e.org/?a=1&amp;b=2">x</a><a href="https://e.org/?q=%3Cb%3E%22Ann%22%20%26%20B%C3%B6">y</a>'
dies plain 1 "needs a value 'link'|needs a value" '{"to": "a@example.org", "template": "welcome", "values": {"name": "x"}}'
dies plain 1 "makes a link of 'link'" "{\"to\": \"a@example.org\", \"template\": \"welcome\", ${values/https:\/\/e.org/javascript:e}}"
dies plain 1 "control character" "{\"to\": \"a@example.org\", \"template\": \"welcome\", ${values/Ann/Ann\\r\\nBcc: x@y.z}}"
dies plain 1 "no template" '{"to": "a@example.org", "template": "absent", "subject": "s"}'
dies plain 1 "not a name" '{"to": "a@example.org", "template": "../templates/welcome", "subject": "s"}'
dies plain 2 "no \{\{name\}\}" '{"to": "a@example.org", "template": "broken", "subject": "s", "values": {"name": 1}}'

### Input that must not be sent: CR, LF and NUL in every place, and malformed mails.
whole='"to": "a@example.org", "subject": "s", "text": "t"'
# each QUEUE FILE: a job for each line.
each() { spillway put "$1" --lines "$2" --each >/dev/null; }

# attacks C: a job a line, with C in each value that becomes part of a header.
attacks() {
	cat <<A
{"to": "a$1@example.org", "subject": "s", "text": "t"}
{"to": "A$1 <a@example.org>", "subject": "s", "text": "t"}
{"to": {"name": "A$1", "address": "a@example.org"}, "subject": "s", "text": "t"}
{"to": "a@example.org$1", "subject": "s", "text": "t"}
{"to": "a@example.org", "subject": "s$1", "text": "t"}
{$whole, "cc": "c$1@example.org", "recipient": "a@example.org"}
{$whole, "recipient": "a@example.org$1"}
{$whole, "from": "f@example.org$1"}
{$whole, "reply_to": "R$1 <r@example.org>"}
{$whole, "headers": {"X-A": "v$1"}}
{$whole, "headers": {"X-A$1": "v"}}
{$whole, "list_unsubscribe": "https://e.org/$1"}
{$whole, "attachments": [{"content": "c", "name": "n$1"}]}
{$whole, "attachments": [{"content": "c", "name": "n", "type": "text/plain$1"}]}
{$whole, "attachments": [{"content": "c", "name": "n", "cid": "n$1"}]}
{"to": "a@example.org", "template": "bare$1"}
A
}
attacks '' >"$dir/harmless"
for c in '\r\nBcc: evil@example.org' '\nX: y' '\r' '\u0000' '\u007f' '\u0085'; do attacks "$c"; done >"$dir/evil"
taken=$(count plain done_total)
each plain "$dir/harmless"
until_true count_is $((taken + 16)) plain done_total
n=$(find "$mails" -name '*.json' | wc -l) dead=$(count plain dead)
each plain "$dir/evil"
until_true count_is $((dead + 96)) plain dead
[ "$(find "$mails" -name '*.json' | wc -l)" = "$n" ] || fail "a control character got through"
dies plain 1 "NUL" "{\"to\": \"a@example.org\", \"subject\": \"s\", \"text\": \"t\\u0000\"}"
dies plain 1 "unknown key 'bcc'" "{$whole, \"bcc\": \"b@example.org\"}"
dies plain 1 "comes twice" "{$whole, \"to\": \"b@example.org\"}"
dies plain 1 "'references' comes twice" "{$whole, \"headers\": {\"References\": \"<a@b>\", \"references\": \"<c@d>\"}}"
dies plain 1 "'recipient' must say" "{$whole, \"cc\": \"b@example.org\"}"
dies plain 1 "begins with '-'" '{"to": "-f@example.org", "subject": "s", "text": "t"}'
dies plain 1 "may not stand" '{"to": "a b@example.org", "subject": "s", "text": "t"}'
dies plain 1 "not one that a job may set" "{$whole, \"headers\": {\"Bcc\": \"x@example.org\"}}"
dies plain 1 "not JSON" "{$whole} x"
dies plain 1 "not UTF-8" "$(printf '{"to": "a@example.org", "subject": "\xff", "text": "t"}')"

# The jobs of examples/handlers/signup.c, with and without FROM, and the example configuration.
arrives plain '{"from": "hello@example.org", "to": "ann@example.org", "subject": "Welcome", "text": "Glad that you are here."}'
arrives plain '{"to": "ann@example.org", "subject": "Welcome", "text": "Glad that you are here."}'
(umask 077 && echo s3cret >"$dir/mail.password")
sed "s!/etc/spillway/mail.password!$dir/mail.password!; s!/etc/spillway/mail\$!$dir/templates!" "$root/examples/jobs.conf" >"$dir/example.conf"
worker_start example --queue example=email --jobs "$dir/example.conf"
until_true grep -q ev=joined "$dir/example.log"

### Dispositions
mail() { echo "{\"to\": \"$1@example.org\", \"subject\": \"s\", \"text\": \"t\"${2:-}}"; }
dies plain 1 "RCPT TO: 550 5.1.1 no such user" "$(mail unknown)"
dies plain 2 "RCPT TO: 451 4.3.0 not now" "$(mail later)"
dies plain 2 "RCPT TO: 452 4.2.2" "$(mail full)"
dies plain 1 "on the message: 554 5.7.1 that is spam" "$(mail spam)"
dies plain 2 "on the message: 451 4.3.2" "$(mail busy)"
dies plain 1 "MAIL FROM: 550 5.7.1 not your" "$(mail a ', "from": "forged@example.org"')"
[ "$(alarms plain)" = 1 ] || fail "alarms so far: $(alarms plain)" # of the broken template
dies plain 2 "530 5.7.0" "$(mail policy)"
[ "$(alarms plain)" = 2 ] || fail "530 is an alarm, once: $(alarms plain)"
arrives plain "$(mail ann)"
until_true grep -q "ev=alarm-over job=email" "$dir/plain.log"

# The server's hint sets the time of the retry.
spillway queue set plain max_attempts=9
hinted() {
	spillway get "$1" --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
sys.exit(j["state"] != "delayed" or j["run_at_ms"] - j["events"][-1]["at_ms"] != int(sys.argv[1]))' "$2"
}
for word in grey:300000 grey2:299000; do
	id=$(spillway put plain "$(mail ${word%:*})")
	until_true hinted "$id" ${word#*:}
	spillway cancel "$id" >/dev/null
done
spillway queue set plain max_attempts=2

# A lost 250: the mail is sent again with the same Message-ID.
arrives plain "$(mail lost)"
cp "$eml" "$dir/first"
eml=$mails/$(find "$mails" -name '*.json' | wc -l).eml
[ "$eml" -nt "$dir/ports" ] && [ "$(grep -il "^Message-ID: <$id@" "$mails"/*.eml | wc -l)" = 2 ] || fail "the same Message-ID twice"

# Errors of configuration and network: retries, and one alarm for any number of mails.
set_ups() {
	local name=$1 pattern=$2
	shift 2
	worker_with "$name" "$@"
	dies "$name" 2 "$pattern" "$(mail ann)"
	dies "$name" 2 "$pattern" "$(mail bob)"
	[ "$(alarms "$name")" = 1 ] || fail "$name: $(alarms "$name") alarms"
	grep -q '<3>ev=alarm job=email text=' "$dir/$name.log" || fail "$name: $(cat "$dir/$name.log")"
	kill -TERM "$worker"
}
auth="server = localhost:$(port auth)"
echo s3cret-right >"$dir/right"
echo s3cret-wrong >"$dir/wrong"
chmod 600 "$dir/right" "$dir/wrong"
set_ups refused "on connecting" "server = localhost:$(port down)" "tls = none"
set_ups resolve "on connecting" "server = no.such.host.invalid" "tls = none"
set_ups badca "on EHLO or STARTTLS|on connecting" "server = localhost:$(port other)" "ca_file = $dir/ca.pem"
set_ups badtls "on connecting" "server = localhost:$(port othertls)" "tls = tls" "ca_file = $dir/ca.pem"
set_ups system "on EHLO or STARTTLS|on connecting" "server = localhost:$(port starttls)"
printf '[email]\nserver = localhost:1\nca_file = %s/absent.pem\n' "$dir" >"$dir/nofile.conf"
refused 78 "ca_file in \[email\]: $dir/absent.pem: No such file" spillway-job-email --jobs "$dir/nofile.conf" --check-config
set_ups nostarttls "STARTTLS" "server = localhost:$(port plain)" "ca_file = $dir/ca.pem"
set_ups clear "530" "server = localhost:$(port starttls)" "tls = none"
set_ups noservice "554 5.3.2" "server = localhost:$(port noservice)" "tls = none"
set_ups silent "on connecting" "server = localhost:$(port silent)" "tls = none" "timeout = 1s"
set_ups wrong "on AUTH: 535|on AUTH" "$auth" "ca_file = $dir/ca.pem" "user = ann" "password_file = $dir/wrong"
set_ups anonymous "530" "$auth" "ca_file = $dir/ca.pem"
set_ups sender "not your address" "server = localhost:$(port plain)" "tls = none" "sender = forged@example.org"
# An attempt waits once for a host that does not answer: a second wait would
# exceed the job's timeout, and the worker would kill the process.
worker_with away "server = localhost:$(port away)" "tls = none" "connect_timeout = 4s"
spillway queue set away timeout_ms=7s
dies away 2 "on connecting: Timeout" "$(mail ann)"
[ "$(grep -c "cause=error" "$dir/away.log")" = 2 ] || fail "away: $(cat "$dir/away.log")"
[ "$(alarms away)" = 1 ] || fail "away: $(alarms away) alarms"
# A secret file that becomes public while the worker runs: an error of the next mail.
worker_with open "$auth" "ca_file = $dir/ca.pem" "user = ann" "password_file = $dir/wrong"
until_true grep -q ev=joined "$dir/open.log"
chmod 604 "$dir/wrong"
dies open 2 "password_file in \[email\]: $dir/wrong is open to everybody" "$(mail ann)"
[ "$(alarms open)" = 1 ] || fail "open: $(alarms open) alarms"

# Errors that need no mail to be found end the worker at its start.
ends() {
	local pattern=$1
	shift
	{ echo "[email]" && printf '%s\n' "$@"; } >"$dir/ends.conf"
	refused 78 "$pattern" bounded spillway-worker --queue ends=email --jobs "$dir/ends.conf"
}
refused 78 "no server in \[email\]" bounded spillway-worker --queue ends=email
ends "no server in \[email\]" "from = a@example.org"
for name in localhost/x@y localhost: localhost:0 localhost:65536 localhost:25x :25 ::1; do
	ends "server in \[email\]: $name is not HOST" "server = $name"
done
ends "hello in \[email\]" "server = a" "hello = b/c"
ends "tls in \[email\]" "server = a" "tls = yes"
ends "without TLS" "server = a" "tls = none" "user = ann" "password_file = $dir/right"
ends "user without password_file" "server = a" "user = ann"
ends "password_file in \[email\]: $dir/wrong is open to everybody" "server = a" "user = ann" "password_file = $dir/wrong"
ends "password_file in \[email\]: $dir/absent: No such file" "server = a" "user = ann" "password_file = $dir/absent"
ends "dkim_key in \[email\]: $dir/wrong is open to everybody" "server = a" "dkim_domain = a.example" "dkim_selector = mail" "dkim_key = $dir/wrong"
ends "from in \[email\]" "server = a" "from = Shop"
ends "sender in \[email\]" "server = a" "sender = bounces"
ends "dkim_selector without dkim_key" "server = a" "dkim_domain = a.example" "dkim_selector = mail"
ends "dkim_key without dkim_domain" "server = a" "dkim_selector = mail" "dkim_key = k"
! grep -rE "s3cret" "$dir"/*.log || fail "a password is in a log"

worker_with overload "server = localhost:$(port overload)" "tls = none"
dies overload 2 "421 4.3.2" "$(mail ann)"
[ "$(alarms overload)" = 0 ] || fail "a busy server is no alarm"
worker_with small "server = localhost:$(port small)" "tls = none"
dies small 1 "552" "$(mail ann ", \"html\": \"$(head -c 3000 /dev/zero | tr '\0' x)\"")"
worker_with mine "server = localhost:$(port plain)" "tls = none" "max_size = 2k"
dies mine 1 "max_size" "$(mail ann ", \"html\": \"$(head -c 3000 /dev/zero | tr '\0' x)\"")"

### TLS and AUTH
worker_with starttls "server = localhost:$(port starttls)" "ca_file = $dir/ca.pem"
arrives starttls "$(mail ann)"
parsed 'e["tls"], e["user"]' "(True, None)"
worker_with auth "$auth" "ca_file = $dir/ca.pem" "user = ann" "password_file = $dir/right" "sender = bounce@example.org"
arrives auth "$(mail ann)"
parsed 'e["tls"], e["user"], e["from"]' "(True, 'ann', 'bounce@example.org')"
worker_with tls "server = localhost:$(port tls)" "tls = tls" "ca_file = $dir/ca.pem"
arrives tls "$(mail ann)"

### Connections stay open, also after refused jobs; a closed one is opened again.
connections() { grep -c "^$1\$" "$dir/connections"; }
before=$(connections auth) done=$(count auth done_total)
for i in $(seq 200); do mail "ann$i"; done >"$dir/lines"
each auth "$dir/lines"
until_true count_is $((done + 200)) auth done_total
[ "$(connections auth)" = "$before" ] || fail "200 mails took $(($(connections auth) - before)) more connections"
for name in closing weary; do # after a mail, or when the next one begins
	worker_with $name "server = localhost:$(port $name)" "tls = none"
	spillway queue set $name max_attempts=1
	for i in 1 2 3; do arrives $name "$(mail ann)"; done
	[ "$(connections $name)" = 3 ] || fail "$name: $(connections $name)"
done

### DKIM, verified by an independent implementation
openssl genrsa -out "$dir/rsa.pem" 2048 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$dir/ed25519.pem"
signed_ok() {
	"$python" -c '
import base64, dkim, subprocess, sys
eml, key, kind = sys.argv[1:]
der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
p = base64.b64encode(der[-32:] if kind == "ed25519" else der).decode()
def txt(name, timeout=5):
    assert name == b"mail._domainkey.example.org.", name
    return f"v=DKIM1; k={kind}; p={p}".encode()
raw = open(eml, "rb").read()
def good(raw):
    try:
        return dkim.DKIM(raw).verify(dnsfunc=txt)
    except dkim.DKIMException:
        return False
assert good(raw), raw.decode()
if raw.endswith(b"\r\n\r\n"): # nothing is in it
    sys.exit()
assert b"h=From:\r\n  From:" in raw, "From is signed once more"
assert not good(raw.replace(b"\r\nSubject:", b"\r\nSubject: x", 1)), "a changed subject"
assert not good(raw.replace(b"\r\nFrom:", b"\r\nFrom: x@example.org\r\nFrom:", 1)), "a second From"
i = raw.rindex(b"\r\n\r\n") + 6
assert not good(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1:]), "a changed body"' "$eml" "$dir/$1.pem" "$1" || fail "DKIM $1"
}
for kind in rsa ed25519; do
	worker_with "dkim_$kind" "server = localhost:$(port plain)" "tls = none" "dkim_domain = example.org" "dkim_selector = mail" "dkim_key = $dir/$kind.pem"
	arrives "dkim_$kind" "$(mail ann)"
	signed_ok $kind
	arrives "dkim_$kind" "{\"to\": \"Ann Bö <ann@example.org>\", \"subject\": \"Ünicode und lang genug, um gefaltet zu werden, zweimal  blank\",
		\"text\": \"two  blanks\\tand a tab \\n\\n\\n\", \"html\": \"<p>x</p>\\n\\n\", \"list_unsubscribe\": \"https://e.org/\",
		\"attachments\": [{\"blob\": \"$ref_a\", \"name\": \"a.bin\"}]}"
	signed_ok $kind
	parsed '"List-Unsubscribe-Post" in str(m["dkim-signature"])' True
	for text in '' '\n\n' ' '; do
		arrives "dkim_$kind" "{\"to\": \"ann@example.org\", \"subject\": \"\", \"text\": \"$text\"}"
		signed_ok $kind
	done
done
set_ups dkim_none "dkim_key" "server = localhost:$(port plain)" "tls = none" "dkim_domain = example.org" "dkim_selector = mail" "dkim_key = $dir/right"
