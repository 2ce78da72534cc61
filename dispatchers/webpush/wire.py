"""POSTs over aiohttp's pooled connections, without the session around them.

Connector, resolver, TLS and parser are aiohttp's. Its session makes URL, headers, cookies, redirects and tracing anew
for each request, which took more processor time than all of a push but its encryption. Here the head of a request is
text, and most of it the same for each push to a device.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import SERVER_SOFTWARE, HttpProcessingError, RawResponseMessage
from yarl import URL

from dispatchers.http import Answer, NoAnswer, NotSent, describe, read_text

ORIGINS_KEPT = 256
"""As many as have a token (:mod:`dispatchers.webpush.vapid`)."""

_UNBOUNDED = aiohttp.ClientTimeout()
"""The connector's own timeouts: the whole exchange is bounded already."""
_FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, UnicodeError)
"""UnicodeError: of a host that no resolver can be asked for."""


def head_of(url: URL) -> str:
    """The lines that begin each POST to ``url`` (RFC 9112, 3). What could break a line, yarl has encoded."""
    return (
        f"POST {url.raw_path_qs} HTTP/1.1\r\n"
        f"Host: {url.host_port_subcomponent}\r\n"
        "Accept: */*\r\n"
        "Accept-Encoding: identity\r\n"
        f"User-Agent: {SERVER_SOFTWARE}\r\n"
    )


class Wire:
    """To be made in the loop that uses it, and closed there."""

    def __init__(
        self, *, timeout_seconds: float, connections: int, resolver: AbstractResolver, read_bytes: int
    ) -> None:
        """``timeout_seconds`` bounds a whole exchange, also one whose answer drips; of an answer's body ``read_bytes``
        at most are read.
        """
        self._loop = asyncio.get_running_loop()
        self._connector = aiohttp.TCPConnector(limit=connections, resolver=resolver)
        self._timeout_seconds = timeout_seconds
        self._read_bytes = read_bytes
        self._destination = lru_cache(maxsize=ORIGINS_KEPT)(self._destination_of)

    async def close(self) -> None:
        """With every connection."""
        await self._connector.close()

    async def post(self, origin: str, head: str, make_body: Callable[[], bytes]) -> Answer:
        """The answer to ``head``, whose lines are complete but for the length, and the body. No redirect is followed.

        The body is made once there is a connection to send it over. Raises :class:`NotSent` or :class:`NoAnswer`.
        """
        went_out = False
        message = text = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                connection = await self._connector.connect(self._destination(origin), [], _UNBOUNDED)
                try:
                    # Of the posts that are under way, all that have got this far make their bodies one after the
                    # other, and then all write: one kind of work at a time keeps the processor's caches warm.
                    await asyncio.sleep(0)
                    body = make_body()
                    await asyncio.sleep(0)
                    protocol, transport = _open(connection)
                    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body
                    went_out = True
                    transport.write(request)
                    message, content = await _answer(protocol)
                    text = await read_text(content, self._read_bytes)
                except BaseException:
                    connection.close()
                    raise
                connection.release()
        except _FAILURES as error:
            if message is None:
                raise (NoAnswer if went_out else NotSent)(describe(error)) from error
        return Answer(message.code, message.headers, text)

    def _destination_of(self, origin: str) -> aiohttp.ClientRequest:
        """What the connector connects by; it is not sent."""
        return aiohttp.ClientRequest("POST", URL(origin), loop=self._loop)


def _open(connection: Connection) -> tuple[ResponseHandler, asyncio.Transport]:
    """What to write to and to read from. Raises ClientConnectionResetError where the other side has closed it, or has
    said something without being asked, which would be taken for the answer.
    """
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or transport.is_closing() or protocol.should_close:
        raise aiohttp.ClientConnectionResetError
    protocol.set_response_params(read_until_eof=True)
    return protocol, transport


async def _answer(protocol: ResponseHandler) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    while True:
        message, content = await protocol.read()
        if message.code >= 200 or message.code == 101:  # RFC 9110, 15.2: others are followed by the answer
            return message, content
