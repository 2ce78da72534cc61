"""An SMTP server (RFC 5321) that takes everything and keeps nothing. Into a file, if one is given, it stamps each mail.

A line of it is the monotonic clock's seconds at DATA, and the mail's Subject.
"""

import asyncio
import sys
from pathlib import Path

from bench.peers.sinks.serving import serve

REPLIES = {
    b"EHLO": b"250-sink\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"HELO": b"250 sink\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 Go on\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
END = b"\r\n.\r\n"
STAMPS = Path(sys.argv[2]).open("w", buffering=1, encoding="utf-8") if len(sys.argv) > 2 else None  # noqa: SIM115


class Session(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._data = b""
        self._in_content = False
        self._at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._in_content or b"\n" in self._data:
            if not (self._content() if self._in_content else self._command()):
                return

    def _content(self) -> bool:
        end = self._data.find(END)
        if end < 0:
            return False
        if STAMPS is not None:
            subject = self._data[: end + 2].partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0]
            STAMPS.write(f"{self._at:.6f} {subject.decode()}\n")
        self._data, self._in_content = self._data[end + len(END) :], False
        self.transport.write(b"250 2.0.0 Ok: taken\r\n")
        return True

    def _command(self) -> bool:
        line, _, self._data = self._data.partition(b"\n")
        verb = line[:4].upper()
        self.transport.write(REPLIES.get(verb, b"500 5.5.2 What?\r\n"))
        if verb == b"DATA":
            self._in_content = True
            if STAMPS is not None:
                self._at = asyncio.get_running_loop().time()
        elif verb == b"QUIT":
            self.transport.close()
        return True


if __name__ == "__main__":
    serve(Session)
