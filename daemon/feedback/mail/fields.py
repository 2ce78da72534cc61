"""Header fields and the blocks of fields in reports, as text. Total: whatever the bytes, it gives an answer. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Fields = Mapping[str, Sequence[str]]
"""Name in lower case -> its values, unfolded, in their order."""

_LARGEST: Final = 65_536
"""Octets of a block that are looked at."""
_BLANK: Final = re.compile(rb"\r?\n[ \t]*\r?\n")
_ESCAPED: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
"""How an address in UTF-8 is written where only ASCII may pass (RFC 6533 3)."""
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


def head_of(content: bytes) -> Fields:
    """The fields before the first empty line."""
    return _fields(_BLANK.split(content[:_LARGEST].lstrip(b"\r\n"), maxsplit=1)[0])


def groups_of(content: bytes) -> Iterator[Fields]:
    """The groups of fields that empty lines part (RFC 3464 2.1)."""
    for block in _BLANK.split(content[:_LARGEST]):
        if fields := _fields(block):
            yield fields


def first(fields: Fields, *names: str) -> str:
    """The first value of the first of these fields that is there; else empty."""
    return next((fields[name][0] for name in names if name in fields), "")


def after_type(value: str) -> str:
    """The value behind its type (RFC 3464 2.1.2, RFC 6533 3): ``rfc822; zoe@example.com`` -> ``zoe@example.com``."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon else kind).strip()


def address_in(value: str) -> str:
    """``<zoe@example.com>``, with a type before it or not, as ``zoe@example.com``; empty where there is none."""
    address = _ESCAPED.sub(_character, after_type(value)).strip("<> \t")
    return address if "@" in address and len(address) <= 320 else ""


def _character(escaped: re.Match[str]) -> str:
    number = int(escaped[1], 16)
    return chr(number) if number < 0xD800 or 0xE000 <= number <= 0x10FFFF else "\ufffd"


def _fields(block: bytes) -> Fields:
    found: dict[str, list[str]] = {}
    for line in _FOLD.sub(b" ", block).splitlines():
        name, colon, value = line.partition(b":")
        if colon and name.strip() and not name.startswith((b" ", b"\t")):
            key = name.strip().lower().decode("ascii", "replace")
            found.setdefault(key, []).append(value.strip().decode("utf-8", "replace"))
    return found
