"""Quoted-printable (RFC 2045 6.7) in pieces: what many texts have in common is encoded once. Pure.

A soft line break may stand anywhere. So a text can be cut in pieces that are encoded each by itself, from a line's
start, and put together with one between every two.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

SOFT_BREAK: Final = b"=\r\n"

# Noncharacters: they stand for nothing in any text, and Layout drops them from words.
_MARK: Final = re.compile("\ufdd0([0-9]+)\ufdd1")
_LINE_MAX: Final = 76


class Quoted(NamedTuple):
    """A text as it travels."""

    content: bytes
    has_dots: bool
    """Whether a line may begin with a dot, which SMTP wants doubled (RFC 5321 4.5.2)."""


def mark(number: int) -> str:
    """What stands in a form's text for the word of this number."""
    return f"\ufdd0{number}\ufdd1"


def quoted(text: str) -> bytes:
    """``text`` in UTF-8 and quoted-printable; its lines end in LF, those of what is returned in CRLF.

    Room is left in the last line for a soft break.
    """
    has_lines = "\n" in text
    content = b2a_qp((text.replace("\n", "\r\n") if has_lines else text).encode(), istext=True)
    if len(content) < _LINE_MAX:
        return content
    if not has_lines:  # where there is no line's end to learn from, long lines are broken with LF
        content = content.replace(b"\n", b"\r\n")
    if len(content) - content.rfind(b"\n") - 1 < _LINE_MAX:
        return content
    last = content[-3:] if content[-3:-2] == b"=" else content[-1:]
    return content[: -len(last)] + SOFT_BREAK + last


class Form:
    """A text with marks for the words that are still to come."""

    __slots__ = ("_has_dots", "_numbers", "_pieces")

    def __init__(self, text: str) -> None:
        """``text`` has LF between lines."""
        pieces = _MARK.split(text)
        self._numbers = tuple(map(int, pieces[1::2]))
        encoded = [quoted(piece) for piece in pieces[::2]]
        self._has_dots = _has_dots(encoded)
        # Every other place is a word's. It begins at a line's start, and what comes after it begins a line of its own.
        last = len(encoded) - 1
        self._pieces = [b""] * (2 * last + 1)
        for at, piece in enumerate(encoded):
            before = SOFT_BREAK if at > 0 and not piece.startswith(b"\r\n") and (piece or at < last) else b""
            after = SOFT_BREAK if at < last and piece and not piece.endswith(b"\n") else b""
            self._pieces[2 * at] = before + piece + after

    def filled(self, words: Sequence[bytes]) -> Quoted:
        """With :func:`quoted` words, by their numbers."""
        whole = self._pieces.copy()
        whole[1::2] = [words[number] for number in self._numbers]
        return Quoted(b"".join(whole), self._has_dots or _has_dots(words))


def _has_dots(pieces: Iterable[bytes]) -> bool:
    return b"\n." in b"\n".join((b"", *pieces))
