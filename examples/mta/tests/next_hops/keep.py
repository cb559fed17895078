"""Keeps each message that comes by SMTP as a file below DIRECTORY/new.

Usage: keep.py ADDRESS PORT DIRECTORY
"""

import asyncio
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class Keep:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        (self.directory / "new").mkdir()
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        unfinished = self.directory / "unfinished"
        unfinished.write_bytes(envelope.original_content)
        unfinished.rename(self.directory / "new" / f"{self.count:06}")
        return "250 2.0.0 Kept"


async def main(address, port, directory):
    keep = Keep(directory)

    def session():
        return SMTP(keep, hostname="mx.example.test", enable_SMTPUTF8=True)

    server = await asyncio.get_running_loop().create_server(session, address, int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
