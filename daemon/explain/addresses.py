"""Addresses as they may be shown to whoever looks over a shoulder."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

Show = Callable[[str, str | None], str | None]
"""(channel, address) -> what is shown of it."""

_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*")
_NUMBER = re.compile(r"\+\d[\d ().-]{5,}\d")


def masked(channel: str, address: str | None) -> str | None:
    """``a…@example.com``, ``+1…0123``, a device as the host of its push service."""
    if not address:
        return None
    match channel:
        case "email":
            name, at, domain = address.strip().rpartition("@")
            return f"{name[:1]}…{at}{domain}" if at else "…"
        case "sms":
            return _masked_number(address)
        case "webpush":
            return _host(address)
        case _:
            return f"{address[:1]}…"


def whole(channel: str, address: str | None) -> str | None:
    """The address itself; of a device its endpoint, and never its keys."""
    if not address:
        return None
    return _endpoint(address) if channel == "webpush" else address


def masked_in(text: str) -> str:
    """``text`` of a provider with the addresses in it masked."""
    text = _MAIL.sub(lambda found: masked("email", found[0]) or "", text)
    return _NUMBER.sub(lambda found: _masked_number(found[0]), text)


def _masked_number(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    plus = "+" if number.strip().startswith("+") else ""
    return f"{plus}{digits[:1]}…{digits[-4:]}" if len(digits) >= 8 else "…"


def _host(subscription: str) -> str:
    try:
        return urlsplit(_endpoint(subscription)).hostname or "a device"
    except ValueError:
        return "a device"


def _endpoint(subscription: str) -> str:
    try:
        return str(json.loads(subscription)["endpoint"])
    except (ValueError, KeyError, TypeError):
        return "a device"
