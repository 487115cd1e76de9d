#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""email_server.py FOLDER: mail servers (aiosmtpd) on loopback, for tests.

Ports stand in FOLDER/ports as NAME=PORT once all listen.  A mail that was
taken is FOLDER/mail/N.eml, with its envelope in N.json.  What is to go wrong is said
by the recipient's local part or, where it concerns MAIL FROM, the sender's.
"""
import asyncio
import json
import pathlib
import socket
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

FOLDER = pathlib.Path(sys.argv[1])
RCPT = {
    "unknown": "550 5.1.1 no such user",
    "later": "451 4.3.0 not now",
    "full": "452 4.2.2 mailbox full",
    "grey": "451 4.7.1 Greylisted, try again in 300 seconds",
    "grey2": "450 4.7.1 Greylisting in action, please come back in 00:04:59",
    "policy": "530 5.7.0 Must issue a STARTTLS command first",
}
DATA = {
    "spam": "554 5.7.1 that is spam",
    "busy": "451 4.3.2 queue is busy",
}


class Taker:
    count = connections = 0

    def __init__(self, name):
        self.name = name
        self.lost = set()

    async def handle_EHLO(self, server, session, envelope, hostname, said):
        session.host_name = hostname
        return [line for line in said
                if self.name != "lax" or "SMTPUTF8" not in line]

    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("forged@"):
            return "550 5.7.1 not your address"
        if self.name == "weary" and getattr(session, "had_one", False):
            return "421 4.3.2 one is enough"
        session.had_one = True
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        word = address.split("@")[0]
        if word in RCPT:
            return RCPT[word]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        word = envelope.rcpt_tos[0].split("@")[0]
        if word in DATA:
            return DATA[word]
        n = Taker.count = Taker.count + 1
        name = FOLDER / "mail" / str(n)
        name.with_suffix(".eml").write_bytes(envelope.original_content)
        name.with_suffix(".tmp").write_text(json.dumps({
            "server": self.name, "from": envelope.mail_from,
            "to": envelope.rcpt_tos, "options": envelope.mail_options,
            "tls": session.ssl is not None, "hello": session.host_name,
            "user": getattr(session.auth_data, "login", b"").decode()
            if session.auth_data else None,
        }))
        name.with_suffix(".tmp").rename(name.with_suffix(".json"))
        if word == "lost" and word not in self.lost:
            self.lost.add(word)
            server.transport.abort()  # taken, and the answer is lost
            return "250 OK"
        if self.name == "closing":
            asyncio.get_running_loop().call_later(0, server.transport.close)
        return f"250 2.0.0 taken as {n}"


def authenticate(server, session, envelope, mechanism, data):
    ok = data.login == b"ann" and data.password == b"s3cret-right"
    return AuthResult(success=ok, handled=ok, auth_data=data if ok else None)


def factory(name, **options):
    taker = Taker(name)

    def make():
        Taker.connections += 1
        with open(FOLDER / "connections", "a") as f:
            f.write(name + "\n")
        return SMTP(taker, hostname="mx.test", **options)
    return make


class Blunt(asyncio.Protocol):
    """Says one line, and hears nothing."""

    def __init__(self, line):
        self.line = line

    def connection_made(self, transport):
        self.transport = transport
        if self.line:
            transport.write(self.line)
            transport.close()


def away():
    """A socket that is full: whoever connects is not answered at all."""
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(2):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(full.getsockname())
    return full, waiting


def down():
    """A port that is nobody's for as long as we live: it is taken, and nobody listens."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{name}.pem", FOLDER / f"{name}.key")
    return context


async def main():
    loop = asyncio.get_running_loop()
    good, other = tls("good"), tls("other")
    auth = {"auth_required": True, "auth_require_tls": True,
            "authenticator": authenticate}
    servers = {
        "plain": (factory("plain", enable_SMTPUTF8=True), None),
        "ascii": (factory("ascii", enable_SMTPUTF8=False), None),
        "lax": (factory("lax", enable_SMTPUTF8=True), None),
        "closing": (factory("closing"), None),
        "weary": (factory("weary"), None),
        "small": (factory("small", data_size_limit=2000), None),
        "starttls": (factory("starttls", tls_context=good,
                             require_starttls=True), None),
        "auth": (factory("auth", tls_context=good, require_starttls=True,
                         **auth), None),
        "tls": (factory("tls"), good),
        "other": (factory("other", tls_context=other,
                          require_starttls=True), None),
        "othertls": (factory("othertls"), other),
        "noservice": (lambda: Blunt(b"554 5.3.2 no mail here\r\n"), None),
        "overload": (lambda: Blunt(
            b"421 4.3.2 too busy, try again in 1 second\r\n"), None),
        "silent": (lambda: Blunt(b""), None),
    }
    (FOLDER / "mail").mkdir(exist_ok=True)
    lines = []
    for name, (make, context) in servers.items():
        s = await loop.create_server(make, "127.0.0.1", 0, ssl=context)
        lines.append(f"{name}={s.sockets[0].getsockname()[1]}\n")
    nobody = down()
    lines.append(f"down={nobody.getsockname()[1]}\n")
    full = away()
    lines.append(f"away={full[0].getsockname()[1]}\n")
    (FOLDER / "ports.tmp").write_text("".join(lines))
    (FOLDER / "ports.tmp").rename(FOLDER / "ports")
    await asyncio.Event().wait()

asyncio.run(main())
