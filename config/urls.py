"""URLs in the configuration: secrets and people's data go over https, except on this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def check_https(url: str, why: str) -> None:
    """``url`` is one that nobody can listen to: https, or loopback.

    Raises:
        ValueError: it is not, with ``why`` it matters; or it is no URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL: https://...") from None
    if parts.scheme != "https" and not is_loopback(host):
        raise ValueError(f"must be https: {why} (http is for loopback only)")


def check_public(url: str) -> None:
    """``url`` is a base that paths can be appended to. Raises ValueError."""
    check_https(url, "links and callbacks would go in the clear")
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("has no host: https://notify.example.com")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("is the beginning of other URLs: no user, no ? and no # in it")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
