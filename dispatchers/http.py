"""What the channels that speak HTTP share: how an exchange fails, what an answer is, and ``Retry-After``. And a pooled
session with one exchange, for those who do not send so many that its cost counts (:mod:`dispatchers.webpush.wire`).

The line that matters runs between a request that never went out (:class:`NotSent`: sending again is safe) and
one that went out and was not answered (:class:`NoAnswer`: it may have been carried out). aiohttp raises the
same exceptions on both sides of it: a total timeout is a plain ``TimeoutError`` while connecting as well as
while reading. So the line is drawn by the request itself: before or after its headers were written, which a
session tells through aiohttp's tracing.

    HttpFailure (Exception)
     +-- NotSent
     +-- NoAnswer
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp

LONGEST_RETRY_AFTER_SECONDS = 86_400.0
"""A provider that asks for more is asked again after a day."""


class HttpFailure(Exception):
    """No usable answer came. Its text names no URL, header or body: those carry addresses and secrets."""


class NotSent(HttpFailure):
    """Nothing of the request reached the other side."""


class NoAnswer(HttpFailure):
    """The request went out; whether it was carried out is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: str | None
    """None where it broke off: the status is still what the other side said."""


class _Wire:
    """Whether one request's headers were written to a connection."""

    __slots__ = ("went_out",)

    def __init__(self) -> None:
        self.went_out = False


async def _went_out(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.went_out = True


def open_session(*, timeout_seconds: float, connections: int) -> aiohttp.ClientSession:
    """A session with its own pool of ``connections``; to be made in the loop that uses it, and closed there.

    ``timeout_seconds`` bounds a whole exchange, also one whose answer drips. No cookie is kept: nobody that
    notifications are sent to has a reason to recognise us.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_went_out)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    read_bytes: int,
) -> Answer:
    """One request and its answer, of whose body ``read_bytes`` at most are read. Redirects are not followed.

    Raises :class:`NotSent` or :class:`NoAnswer`.
    """
    wire = _Wire()
    try:
        async with session.request(
            method, url, headers=headers, data=body, allow_redirects=False, trace_request_ctx=wire
        ) as response:
            return Answer(response.status, response.headers, await read_text(response.content, read_bytes))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise (NoAnswer if wire.went_out else NotSent)(describe(error)) from error


async def read_text(content: aiohttp.StreamReader, limit_bytes: int) -> str | None:
    """What comes of a body, ``limit_bytes`` at most; None where it breaks off."""
    pieces, size = [], 0
    try:
        while size < limit_bytes and not content.at_eof():
            piece = await content.readany()
            pieces.append(piece)
            size += len(piece)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return b"".join(pieces)[:limit_bytes].decode(errors="replace")


def describe(error: Exception) -> str:
    """``error`` in a line without the URL, which aiohttp puts into some of its messages."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror:
        return f"{name}: {error.os_error.strerror}"
    return name


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or an HTTP date), if it
    does.

    A date that has passed is 0; nonsense is None; a day is the most.
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:  # "-0000": UTC, of unknown origin
            at = at.replace(tzinfo=UTC)
        seconds = (at - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
