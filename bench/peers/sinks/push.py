"""A push service (RFC 8030) that takes everything and keeps nothing: 201 and a Location, as real ones answer."""

import asyncio

from bench.peers.sinks.serving import serve

NEEDED = (b"authorization:", b"content-encoding: aes128gcm", b"ttl:")
TAKEN = (
    b"HTTP/1.1 201 Created\r\nLocation: https://push.example/m/gAAAAABoCq0b6Vd4mJ0P7w\r\nTTL: 86400\r\n"
    b"Content-Length: 0\r\n\r\n"
)
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class Session(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[: end + 2].lower()
            length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            # A push without its body's encryption, its token or its time would be refused.
            self.transport.write(TAKEN if length > 103 and all(field in head for field in NEEDED) else REFUSED)


if __name__ == "__main__":
    serve(Session)
