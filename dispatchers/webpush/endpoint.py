"""Which URLs may be pushed to.

An endpoint comes from a browser, so from anybody: without rules it would be a way to send requests into the
network that this machine stands in (SSRF). So it must be https, name no credentials, and lead to a public
address. The address is judged where the connection is made (:class:`PublicResolver`), not before: a name that
answers with a public address first and with a private one the next time (DNS rebinding) gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

LONGEST_CHARACTERS = 2048
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The only IPv6 space from which addresses are given out (RFC 4291, 2.4 and the IANA registry)."""
NAT64 = IPv6Network("64:ff9b::/96")
"""An IPv4 address in its last 32 bits (RFC 6052): how IPv6-only hosts reach IPv4 services."""


class BadEndpoint(ValueError):
    """The URL must not be pushed to; the text says why, without the URL."""


class NotPublic(OSError):
    """A name leads to no public address. An OSError, because that is what aiohttp takes from a resolver."""


def check(text: str, *, allow_private: bool) -> URL:
    """``text`` as a URL that may be pushed to, as far as the URL itself tells. Raises BadEndpoint.

    ``allow_private`` allows http and private addresses: for tests and the demo.
    """
    if len(text) > LONGEST_CHARACTERS:
        raise BadEndpoint(f"the endpoint is longer than {LONGEST_CHARACTERS} characters")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except (ValueError, IndexError):  # yarl has both for what it cannot read
        raise BadEndpoint("the endpoint is not a URL") from None
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise BadEndpoint("the endpoint is not https")
    if not host or not port:
        raise BadEndpoint("the endpoint has no host")
    if url.user is not None or url.password is not None:
        raise BadEndpoint("the endpoint carries credentials")
    if _looks_numeric(host) and not _is_allowed_literal(host, allow_private=allow_private):
        raise BadEndpoint("the endpoint is not at a public address")
    return url


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether ``address`` belongs to a host of the Internet, whatever IPv4 address it carries inside."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        # IPv4-mapped, unique local, link and site local, multicast: all outside. 6to4 and Teredo tunnel to
        # any IPv4.
        if address not in GLOBAL_UNICAST or address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class PublicResolver(AbstractResolver):
    """Resolves through ``inner`` and keeps the public addresses; aiohttp connects to these and no others."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of ``host``. Raises NotPublic where it has others only."""
        found = await self._inner.resolve(host, port, family)
        public = [result for result in found if _is_public_text(result["host"])]
        if found and not public:
            raise NotPublic(None, "the host leads to no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


def _looks_numeric(host: str) -> bool:
    """Whether ``host`` might be read as an address: 2130706433, 0x7f.1, 127.1, ::1 (WHATWG URL, 3.5)."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return ":" in host or last.isdigit() or last.startswith("0x")


def _is_allowed_literal(host: str, *, allow_private: bool) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False  # an address in one of the old spellings: nobody writes them in good faith
    return allow_private or is_public(address)


def _is_public_text(host: str) -> bool:
    try:
        return is_public(ip_address(host.partition("%")[0]))
    except ValueError:
        return False
