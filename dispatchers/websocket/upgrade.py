"""Whether an upgrade request may become a connection, what is answered, and the token that it carries. Pure.

uvicorn has read the request once already. One as browsers send it is read and answered here, at a third of what the
library takes for it; whatever else comes is the library's to judge.

A cookie is sent by browsers whoever's page asks. So it counts only for a page that the configuration names, or one of
this host: ``*`` in ``allowed_origins`` lets pages in, and lets none of them use the cookie.
"""

import logging
import re
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from websockets.datastructures import Headers, MultipleValuesError
from websockets.extensions.base import Extension, ServerExtensionFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

PATH = "/ws"
NEVER_IN_A_URL = frozenset({"token", "access_token", "jwt", "authorization", "bearer", "auth"})
JWT = re.compile(r"eyJ[^.]*\.[^.]*\.")
"""RFC 7519: a JSON object in base64url begins like this, and two dots follow."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

LONGEST_PLAIN_BYTES, MOST_PLAIN_HEADERS = 8_192, 100
"""Within the library's own limits."""
PLAIN = re.compile(
    rb"GET ([!-~]+) HTTP/1\.1\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9a-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
"""A request line, and headers as uvicorn passes them on: names in small letters, nothing folded (RFC 9112, 2 to 5)."""
NOT_PLAIN = ("transfer-encoding", "content-length", "sec-websocket-protocol")
KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in base64 (RFC 6455, 4.2.1)."""
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "

websockets_log = logging.getLogger("websockets.server")
websockets_log.setLevel(logging.WARNING)  # it says INFO at every connection


class Answer(NamedTuple):
    """To an upgrade request."""

    status: int
    """0: to what is no request there is no answer, only an end."""
    data: bytes
    extensions: Sequence[Extension] = ()
    """Agreed on."""


def read(data: bytes) -> Request | Answer:
    """The request, whole as uvicorn gives it; or the answer to what is none."""
    plain = PLAIN.fullmatch(data) if len(data) <= LONGEST_PLAIN_BYTES else None
    if plain is not None:
        headers = Headers()
        lines = plain[2].decode("iso-8859-1").split("\r\n")
        for line in lines[:-1]:
            name, _, value = line.partition(": ")
            headers.set_insecure(name, value.strip(" \t"))
        if len(lines) <= MOST_PLAIN_HEADERS and not any(name in headers for name in NOT_PLAIN):
            return Request(plain[1].decode("ascii"), headers)
    library = ServerProtocol(logger=websockets_log)
    library.receive_data(data)
    for event in library.events_received():
        if isinstance(event, Request):
            return event
    said = b"".join(library.data_to_send())
    return Answer(int(said.split(b" ", 2)[1]) if said else 0, said)


def accept(request: Request, extensions: Sequence[ServerExtensionFactory] = ()) -> Answer:
    """101 where it is a good handshake (RFC 6455, 4.2), else what is wrong with it."""
    headers = request.headers
    keys = headers.get_all("Sec-WebSocket-Key")
    if (
        request.method == "GET"
        and request.protocol == "HTTP/1.1"
        and [value.lower() for value in headers.get_all("Upgrade")] == ["websocket"]
        and [value.lower() for value in headers.get_all("Connection")] in (["upgrade"], ["keep-alive, upgrade"])
        and headers.get_all("Sec-WebSocket-Version") == ["13"]
        and len(keys) == 1
        and KEY.fullmatch(keys[0]) is not None
        and "Sec-WebSocket-Protocol" not in headers
        and not (extensions and "Sec-WebSocket-Extensions" in headers)
    ):
        return Answer(101, SWITCHING + accept_key(keys[0]).encode() + b"\r\n\r\n")
    library = ServerProtocol(extensions=extensions, logger=websockets_log)
    response = library.accept(request)
    return Answer(response.status_code, response.serialize(), library.extensions)


def refuse(status: HTTPStatus, text: str) -> Answer:
    """What :func:`refusal` says, as an answer."""
    return Answer(status.value, ServerProtocol(logger=websockets_log).reject(status, text).serialize())


def refusal(
    path: str, headers: Headers, allowed_origins: Collection[str], cookie: str | None = None
) -> tuple[HTTPStatus, str] | None:
    """Status and text of the answer to a request that may not pass, None for one that may.

    ``cookie`` is the name of the one that may carry a token.
    """
    path, _, query = path.partition("?")
    if path != PATH:
        return HTTPStatus.NOT_FOUND, f"There is no WebSocket here, only at {PATH}.\n"
    if query and _has_token(query):
        # Servers and proxies write URLs into their logs.
        return HTTPStatus.BAD_REQUEST, "A token does not belong in a URL: send it in hello, or in a header.\n"
    try:
        origin, host = headers.get("Origin"), headers.get("Host")
        headers.get("Authorization")
    except MultipleValuesError:
        return HTTPStatus.BAD_REQUEST, "Origin, Host and Authorization may be given once.\n"
    # Only browsers send Origin, and only their requests carry what somebody else's page could misuse.
    if origin is not None and not _allowed(origin, host, allowed_origins):
        return HTTPStatus.FORBIDDEN, "This origin is not in http.allowed_origins.\n"
    if origin is None and _bearer(headers) is None and _cookie(headers, cookie) is not None:
        return HTTPStatus.FORBIDDEN, "A cookie counts only together with an Origin.\n"
    return None


def token_of(headers: Headers, allowed_origins: Collection[str], cookie: str | None = None) -> str | None:
    """The token in the headers of a request that :func:`refusal` lets pass; nobody has judged it yet."""
    token = _bearer(headers)
    if token is not None:
        return token
    origin, named = headers.get("Origin"), [allowed for allowed in allowed_origins if allowed != "*"]
    if origin is None or not _allowed(origin, headers.get("Host"), named):
        return None
    return _cookie(headers, cookie)


def _has_token(query: str) -> bool:
    """Whether something in a URL's query is a token, or is called one."""
    pairs = parse_qsl(query.replace(";", "&"), keep_blank_values=True)
    return any(name.strip().lower() in NEVER_IN_A_URL or JWT.search(f"{name}={value}") for name, value in pairs)


def _bearer(headers: Headers) -> str | None:
    """RFC 6750, 2.1. Another scheme is somebody else's: a proxy may ask for a password."""
    scheme, _, token = headers.get("Authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _cookie(headers: Headers, name: str | None) -> str | None:
    """RFC 6265, 4.2.1. None where it is there twice: the page of a sibling domain may have set one of them."""
    if name is None:
        return None
    pairs = [pair.partition("=") for line in headers.get_all("Cookie") for pair in line.split(";")]
    values = {value.strip().strip('"') for key, _, value in pairs if key.strip() == name}
    return values.pop() or None if len(values) == 1 else None


def _allowed(origin: str, host: str | None, allowed_origins: Collection[str]) -> bool:
    if "*" in allowed_origins:
        return True
    wanted = origin.lower().rstrip("/")
    if any(wanted == allowed.lower().rstrip("/") for allowed in allowed_origins):
        return True
    return host is not None and _same_host(origin, host)


def _same_host(origin: str, host: str) -> bool:
    """Whether the page came from the host that is asked now.

    A proxy may have taken TLS off, so the scheme is not compared; the port is, with the scheme's own where
    none is written.
    """
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        ports = page.port, here.port
    except ValueError:
        return False
    default = DEFAULT_PORTS.get(page.scheme)
    if default is None or page.hostname is None or page.hostname != here.hostname:
        return False
    return (ports[0] or default) == (ports[1] or default)
