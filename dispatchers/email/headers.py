"""Header fields as bytes, made so that no value can end its line (RFC 5322 2.2, RFC 2047).

The standard library's policies parse and refold each value; that is most of the time a message takes. A value
that is short and plain is written as it is, all others go through the library's encoder.
"""

import re
from email.header import Header
from typing import Final

from dispatchers.email.address import Mailbox

SUBJECT_MAX: Final = 250
"""Characters; what is cut off stands in full in the message itself."""
NAME_MAX: Final = 100

_PLAIN_MAX: Final = 60
"""Characters that fit behind every field name in a line of 78 (RFC 5322 2.1.1)."""
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9]+")


def one_line(text: str, limit: int) -> str:
    """``text`` without control characters and line breaks, cut to ``limit`` characters."""
    cleaned = " ".join(_UNSAFE.sub(" ", text).split())
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1].rstrip() + "…"


def field(name: str, value: str) -> bytes:
    """``Name: value``, with free text in ``value``."""
    return f"{name}: {_words(one_line(value, SUBJECT_MAX), name)}\r\n".encode("ascii")


def verbatim(name: str, value: str) -> bytes:
    """``Name: value``, with a value that is known to be a short token of ASCII."""
    return f"{name}: {value}\r\n".encode("ascii")


def mailbox_field(name: str, display_name: str, mailbox: Mailbox) -> bytes:
    """``Name: Display Name <mailbox>``; in UTF-8 where the mailbox needs it (RFC 6532)."""
    shown = one_line(display_name, NAME_MAX)
    if not shown:
        return f"{name}: {mailbox}\r\n".encode()
    # An encoded word in quotes is not one (RFC 2047 5), yet some programs decode it: so it is encoded itself.
    if not shown.isascii() or "=?" in shown:
        phrase = _words(shown, name)
    elif _PHRASE.fullmatch(shown):
        phrase = shown
    else:
        phrase = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name}: {phrase}\r\n <{mailbox}>\r\n".encode()


def safe_id(text: str, limit: int = 40) -> str:
    """``text`` as a part of a message id: ``order:4711`` -> ``order-4711``; not one to one."""
    return _NOT_IN_ID.sub("-", text)[:limit].strip("-").lower() or "none"


def _words(text: str, name: str) -> str:
    if len(text) <= _PLAIN_MAX and text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")
