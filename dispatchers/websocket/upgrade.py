"""Whether an upgrade request may become a connection. Pure."""

from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.datastructures import Headers, MultipleValuesError

PATH = "/ws"

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def refusal(path: str, headers: Headers, allowed_origins: Collection[str]) -> tuple[HTTPStatus, str] | None:
    """Status and text of the answer to a request that may not pass, None for one that may."""
    if path.partition("?")[0] != PATH:
        return HTTPStatus.NOT_FOUND, f"There is no WebSocket here, only at {PATH}.\n"
    try:
        origin, host = headers.get("Origin"), headers.get("Host")
    except MultipleValuesError:
        return HTTPStatus.BAD_REQUEST, "Origin and Host may be given once.\n"
    # Only browsers send Origin, and only their requests carry what somebody else's page could misuse.
    if origin is not None and not _allowed(origin, host, allowed_origins):
        return HTTPStatus.FORBIDDEN, "This origin is not in http.allowed_origins.\n"
    return None


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
