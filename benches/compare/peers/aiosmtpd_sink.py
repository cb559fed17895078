"""An aiosmtpd server on uvloop that accepts every message and drops it.

Binds a free port of 127.0.0.1, prints it, then `ready`.
"""

import asyncio
import signal

import uvloop
from aiosmtpd.smtp import SMTP


class Discard:
    """Accepts at the end of data and keeps nothing."""

    async def handle_DATA(self, server, session, envelope):
        return "250 OK"


async def main():
    handler = Discard()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: SMTP(handler, hostname="aiosmtpd.example", loop=loop),
        "127.0.0.1",
        0,
        backlog=1024,
    )
    host, port = listener.sockets[0].getsockname()
    print(f"listening smtp {host}:{port}", flush=True)
    print("ready", flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


uvloop.run(main())
