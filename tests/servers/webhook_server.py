#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A receiver of webhooks: webhook_server.py LOG [CERT KEY]; prints its port.

Appends a line of JSON to LOG for each connection and each request, with which
of SECRETS (environment, separated by blanks) its signature was made; verified
by the published rules, without code of who signs.  The path says what becomes
of a request, and headers of the answer stand in the query:
  /status/N       answers N
  /flaky/N        503 to the first N requests of an id, then 200
  /later?after=S  503 with Retry-After: an HTTP-date S seconds from now
  /slow           never answers
  /stall          answers 200 with a body that does not come
  /cut/WHERE      answers 200 and ends in the midst of its head or body, as CUT says
  /flood /heads   answers 200 with a body, with headers, that never end
"""
import base64
import email.utils
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

CUT = {
    "length": b"Content-Length: 10\r\n\r\nhalf",
    "chunk": b"Transfer-Encoding: chunked\r\n\r\na\r\nhalf",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "head": b"Content-Type: text/plain\r\nContent-Le",
    "line": b"Content-Type: text/plain\r\n",
    "hints": b"\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
}
seen = {}
lock = threading.Lock()
connections = 0


def note(**what):
    with lock, open(sys.argv[1], "a", encoding="utf-8") as f:
        f.write(json.dumps(what) + "\n")


def signers(headers, body):
    """The secrets of which a signature is there, or none if the time is off."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return []
    text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    given = (headers["webhook-signature"] or "").split(" ")
    found = []
    for secret in os.environ.get("SECRETS", "").split():
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        right = b"v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
        if any(hmac.compare_digest(g.encode(), right) for g in given):
            found.append(secret)
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        global connections
        super().setup()
        with lock:
            connections += 1
            self.number = connections
        note(connection=self.number)

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self, name, piece):
        sent = 0
        self.close_connection = True
        try:
            while sent < 1 << 30:
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:
            pass
        note(endless=name, sent=sent)

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qsl(url.query)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ident = self.headers["webhook-id"]
        with lock:
            tries = seen[ident] = seen.get(ident, 0) + 1
        note(at=time.time(), path=url.path, id=ident, connection=self.number, length=len(body),
             sha256=hashlib.sha256(body).hexdigest(), signers=signers(self.headers, body),
             headers=[[k.lower(), v] for k, v in self.headers.items()],
             body=body.decode() if len(body) < 1000 else None)
        word, *rest = url.path.strip("/").split("/")
        if word == "status":
            status = int(rest[0])
            self.answer(status, query, b"" if status in (204, 304) else b"the receiver says \x1b[2J" + rest[0].encode())
        elif word == "flaky":
            self.answer(503 if tries <= int(rest[0]) else 200, query, b"")
        elif word == "later":
            after = email.utils.formatdate(time.time() + int(dict(query)["after"]), usegmt=True)
            self.answer(503, [("Retry-After", after)], b"")
        elif word == "slow":
            time.sleep(600)
        elif word == "stall":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            time.sleep(600)
        elif word == "cut":
            status = b"103 Early Hints" if rest[0] == "hints" else b"200 OK"
            self.wfile.write(b"HTTP/1.1 " + status + b"\r\n" + CUT[rest[0]])
            self.close_connection = True
        elif word == "flood":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.endless(word, b"x" * 65536)
        elif word == "heads":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self.endless(word, b"a: " + b"x" * 1000 + b"\r\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
