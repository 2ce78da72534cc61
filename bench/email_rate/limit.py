"""The limit: bytes that are there already, over as many kept connections as Orderbell has, with nothing else to do.

An asyncio protocol that writes the next bytes when a reply has come. What it leaves out is what sending a mail
is made of beside the network: composing it, minding its outcome, timeouts, and who comes next.
"""

import asyncio
import sys
import time

from bench.email_rate import words
from bench.email_rate.ours import PUBLIC_URL, SECRET, delivery, settings
from bench.sending import tell
from dispatchers.email.message import Composer


class Feeder(asyncio.Protocol):
    """One connection. Commands go together where the server offers it (RFC 2920), as Orderbell's do."""

    transport: asyncio.Transport

    def __init__(self, commands: list[bytes], content: bytes) -> None:
        self._one_by_one = [*commands, content]
        self._together = [b"".join(commands), content]
        self._replies_wanted = [len(commands), 1]
        self._steps: list[bytes] = []
        self._next = 0
        self._left = 0
        """Replies to the last step that are still to come."""
        self.mails = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if data[:3] == b"220":
            self.transport.write(b"EHLO shop.example\r\n")
            return
        if data[:1] not in b"23":
            raise RuntimeError(data)
        if not self._steps:
            pipelines = b"PIPELINING" in data
            self._steps = self._together if pipelines else self._one_by_one
            if not pipelines:
                self._replies_wanted = [1] * len(self._steps)
        else:
            self._left -= data.count(b"\n")
            if self._left:
                return
            self.mails += self._next == len(self._steps)
        self._next %= len(self._steps)
        self.transport.write(self._steps[self._next])
        self._left = self._replies_wanted[self._next]
        self._next += 1


async def run(port: int, seconds: float) -> None:
    """Send for so long."""
    mail = Composer(settings(port), public_url=PUBLIC_URL, secret=SECRET)
    one = delivery(1)
    envelope = mail.compose(one, one.created_at)
    commands = [
        f"MAIL FROM:<{envelope.sender}> SIZE={len(envelope.content)}\r\n".encode(),
        f"RCPT TO:<{words.recipient(1)}>\r\n".encode(),
        b"DATA\r\n",
    ]
    loop = asyncio.get_running_loop()
    feeders = [Feeder(commands, envelope.content + b".\r\n") for _ in range(settings(port).provider[0].connections)]
    for each in feeders:
        await loop.create_connection(lambda made=each: made, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(0.2)
    before, began, cpu = sum(each.mails for each in feeders), time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    tell(sum(each.mails for each in feeders) - before, time.monotonic() - began, time.process_time() - cpu)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), float(sys.argv[2])))
