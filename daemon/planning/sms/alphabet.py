"""How a text is encoded, and the segments that it is sent and paid in: 3GPP TS 23.038, sections 6.2.1 and 6.2.3.

A segment has 140 octets. In a text of several, each begins with a header of 6 octets that says which part of which text
it is (3GPP TS 23.040, section 9.2.3.24.1). Languages' own shift tables are left out: Twilio does not use them.

No library: ``gsm0338`` encodes, but does not split; ``smsutil`` splits, but had its last release in 2020.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""One septet each (section 6.2.1), in the order of their codes, but for the escape itself."""

EXTENSION = "\f^{}\\[~]|€"
"""Two septets each: an escape, and a code of section 6.2.1.1."""

SEPTETS = dict.fromkeys(BASIC, 1) | dict.fromkeys(EXTENSION, 2)
"""Character -> what it takes in GSM-7."""

_ALPHABET = frozenset(SEPTETS)

ALONE: dict[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
"""Units of a text that is one segment."""

EACH: dict[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}
"""Units of each segment where there are several."""


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text costs."""

    encoding: Encoding
    units: int
    """Septets in GSM-7, UTF-16 code units in UCS-2; without what is left free at the end of a segment."""
    count: int
    """Segments; an empty text is one."""


def is_gsm(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension."""
    return _ALPHABET.issuperset(text)


def segments(text: str) -> Segments:
    """What ``text`` costs as it is."""
    encoding, units = _encoded(text)
    return Segments(encoding, sum(units), sum(1 for _ in _spans(encoding, units)))


def parts(text: str) -> tuple[str, ...]:
    """``text`` as it is split: neither an escape and its code nor two surrogates are ever in two segments."""
    return tuple(text[start:end] for start, end in _spans(*_encoded(text)))


def _encoded(text: str) -> tuple[Encoding, Sequence[int]]:
    """The encoding, and the units of each character. A lone surrogate, which no database can hold, is one unit."""
    if is_gsm(text):
        return "GSM-7", [SEPTETS[character] for character in text]
    return "UCS-2", [2 if character > "\uffff" else 1 for character in text]


def _spans(encoding: Encoding, units: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Start and end of each segment, in characters."""
    start = used = 0
    if sum(units) > ALONE[encoding]:
        for index, width in enumerate(units):
            if used + width > EACH[encoding]:
                yield start, index
                start, used = index, 0
            used += width
    yield start, len(units)
