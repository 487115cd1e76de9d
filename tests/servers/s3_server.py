#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bucket server for tests: S3's protocol in memory, signatures verified.

Prints its port.  It computes each signature anew from what came over the
wire, by the published rules, and shares no code with who signs.  Buckets:
  good     as it should be
  flaky    of each request the first try gets 503, the second is cut off
  down     503 always
  liar     answers a range with the whole object
Anything else does not exist.  POST /_age?SECONDS makes all objects older,
POST /_flip damages them, GET /_seen tells how many requests there were.
"""
import hashlib
import hmac
import http.server
import re
import sys
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

SECRETS = {"tester": "tester/secret+key"}
TOKEN = "a/session+token=="
PAGE = 3
BUCKETS = ("good", "flaky", "down", "liar")
objects = {}  # (bucket, key): [bytes, time]
tries = {}
seen = 0


def quoted(s, safe="-_.~"):
    return urllib.parse.quote(s, safe=safe)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(secret, command, target, headers, region):
    """What AWS Signature Version 4 says of a request; signs all of `headers`."""
    url = urllib.parse.urlsplit(target)
    when = headers["x-amz-date"]
    query = sorted((quoted(k), quoted(v)) for k, v in urllib.parse.parse_qsl(
        url.query, keep_blank_values=True))
    names = sorted(headers)
    canonical = "\n".join(
        [command, quoted(urllib.parse.unquote(url.path), "/-_.~"),
         "&".join(k + "=" + v for k, v in query)]
        + [n + ":" + " ".join(headers[n].split()) for n in names]
        + ["", ";".join(names), headers["x-amz-content-sha256"]])
    key = ("AWS4" + secret).encode()
    for part in (when[:8], region, "s3", "aws4_request"):
        key = mac(key, part)
    return mac(key, "\n".join(
        ["AWS4-HMAC-SHA256", when, "%s/%s/s3/aws4_request" % (when[:8], region),
         hashlib.sha256(canonical.encode()).hexdigest()])).hex()


def self_test():
    """The examples that Amazon has published with the rules."""
    for target, more, want in (
            ("/test.txt", {"range": "bytes=0-9"},
             "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            ("/?max-keys=2&prefix=J", {},
             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")):
        headers = {"host": "examplebucket.s3.amazonaws.com",
                   "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
                   "x-amz-date": "20130524T000000Z", **more}
        got = signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "GET", target,
                        headers, "us-east-1")
        if got != want:
            sys.exit("%s: %s, published is %s" % (target, got, want))


def signature_error(h, body):
    """None, or why the request is not what its signature says."""
    m = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
        h.headers.get("Authorization", ""))
    if not m:
        return "AccessDenied"
    who, day, region, names, got = m.groups()
    names = names.split(";")
    when = h.headers.get("x-amz-date", "")
    sent = h.headers.get("x-amz-content-sha256", "")
    if who not in SECRETS or region != "test-1" or not when.startswith(day):
        return "InvalidAccessKeyId"
    clock = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 900))
    if when < clock:
        return "RequestTimeTooSkewed"
    must = {"host"} | {k.lower() for k in h.headers if k.lower().startswith("x-amz-")}
    if not must <= set(names) or names != sorted(names):
        return "AccessDenied"
    if sent != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    if who == "tester" and h.headers.get("x-amz-security-token", TOKEN) != TOKEN:
        return "InvalidToken"
    right = signature(SECRETS[who], h.command, h.path, {n: h.headers[n] for n in names}, region)
    return None if hmac.compare_digest(right, got) else "SignatureDoesNotMatch"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        size = headers.pop("size", len(body))
        self.send_header("Content-Length", str(size))
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code):
        self.say(status, ("<?xml version='1.0'?><Error><Code>%s</Code></Error>" % code).encode())

    def control(self, url):
        if url.path == "/_age":
            for o in objects.values():
                o[1] -= int(url.query)
        elif url.path == "/_flip":
            for o in objects.values():
                o[0] = o[0][:-1] + bytes([o[0][-1] ^ 1]) if o[0] else b""
        self.say(200, str(seen).encode())

    def listing(self, bucket, query):
        q = dict(urllib.parse.parse_qsl(query))
        if q.get("list-type") != "2":
            return self.fail(400, "InvalidArgument")
        keys = sorted(k for b, k in objects if b == bucket and k.startswith(q.get("prefix", "")))
        # The token is full of what has to be escaped.
        after = q.get("continuation-token", "")
        if after:
            keys = [k for k in keys if "+/=&" + k + "?" > after]
        page, rest = keys[:PAGE], keys[PAGE:]
        x = "<?xml version='1.0'?><ListBucketResult><Name>%s</Name><IsTruncated>%s</IsTruncated>" % (
            bucket, "true" if rest else "false")
        if rest:
            x += "<NextContinuationToken>%s</NextContinuationToken>" % escape("+/=&" + page[-1] + "?")
        for k in page:
            data, at = objects[bucket, k]
            x += "<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>" % (
                escape(k), time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at)), len(data))
        return self.say(200, (x + "</ListBucketResult>").encode())

    def serve(self):
        global seen
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/_"):
            return self.control(url)
        seen += 1
        bucket, _, key = urllib.parse.unquote(url.path)[1:].partition("/")
        why = signature_error(self, body)
        if why:
            return self.fail(403, why)
        if bucket not in BUCKETS:
            return self.fail(404, "NoSuchBucket")
        if bucket == "flaky":
            name = (self.command, self.path, self.headers.get("Range"))
            tries[name] = tries.get(name, 0) + 1
            if tries[name] % 3 == 1:
                return self.fail(503, "SlowDown")
            if tries[name] % 3 == 2:
                if self.command != "HEAD":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhalf")
                self.close_connection = True
                return None
        if bucket == "down":
            return self.fail(503, "SlowDown")
        return self.object(bucket, key, url.query, body)

    def object(self, bucket, key, query, body):
        have = objects.get((bucket, key))
        if self.command == "PUT":
            objects[bucket, key] = [body, time.time()]
            return self.say(200)
        if self.command == "DELETE":
            objects.pop((bucket, key), None)
            return self.say(204)
        if not key:
            return self.say(200) if self.command == "HEAD" else self.listing(bucket, query)
        if have is None:
            return self.fail(404, "NoSuchKey")
        data, at = have
        when = formatdate(at, usegmt=True)
        if self.command == "HEAD":
            return self.say(200, size=len(data), Last_Modified=when)
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not m or bucket == "liar":
            return self.say(200, data, Last_Modified=when)
        a, z = int(m[1]), min(int(m[2]), len(data) - 1)
        return self.say(206, data[a:z + 1], Last_Modified=when,
                        Content_Range="bytes %d-%d/%d" % (a, z, len(data)))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # who hangs up is no event


self_test()
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
