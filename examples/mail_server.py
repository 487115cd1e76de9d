#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mail_server.py FOLDER: a mail server on loopback, for the demo (python3-aiosmtpd).

The server writes its port to FOLDER/port once it listens; each mail that it
accepts becomes FOLDER/ADDRESS.eml.
"""
import asyncio
import pathlib
import sys

from aiosmtpd.smtp import SMTP

FOLDER = pathlib.Path(sys.argv[1])


class Taker:
    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].replace("/", "_")
        (FOLDER / f"{name}.eml").write_bytes(envelope.content)
        return "250 OK"


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Taker()), "127.0.0.1", 0)
    port = FOLDER / "port.new"
    port.write_text(str(server.sockets[0].getsockname()[1]))
    port.rename(FOLDER / "port")
    await server.serve_forever()


asyncio.run(serve())
