"""A text within the segments that a rule allows: as it is, in plain letters, its title, or cut. In this order."""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

from daemon.planning.sms.addresses import addresses
from daemon.planning.sms.alphabet import ALONE, EACH, Segments, is_gsm, segments
from daemon.planning.sms.plain import transliterated

_BREAK = re.compile(r"[^\S\u00a0\u2007\u202f]")
"""White space where a line may end: not between a sum and its currency (Unicode Standard Annex #14, class GL)."""

_LOOSE = " \t\r\n\u00a0\u202f,;:-–—([{<\"'“„«"  # noqa: RUF001
"""Not left standing before an ellipsis."""

_JOINER = "\u200d"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
"""Two of them are one flag."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is sent."""

    text: str
    segments: Segments
    problem: str | None
    """Why it is not what was written, for people; None where it is, or is in plain letters."""


def fitted(text: str, short: str, most_segments: int, *, transliterate: bool) -> Fitted:
    """``text`` in ``most_segments`` (less than 1 is 1) or fewer. ``short`` is its title, or empty."""
    most = max(most_segments, 1)
    plain, cost = _cheapest(text, transliterate=transliterate)
    if cost.count <= most:
        return Fitted(plain, cost, None)
    too_long = f"the text has {cost.count} segments, the rule allows {most}"
    if short.strip():
        title, price = _cheapest(short, transliterate=transliterate)
        if price.count <= most:
            return Fitted(title, price, f"{too_long}: its title was sent")
    cut = _cut(plain, most)
    return Fitted(cut, segments(cut), f"{too_long}: it was cut")


def _cheapest(text: str, *, transliterate: bool) -> tuple[str, Segments]:
    """``text`` in plain letters where that is allowed and costs less, else as it is."""
    cost = segments(text)
    if cost.count == 1 or not transliterate:
        return text, cost
    plain = transliterated(text)
    plain_cost = segments(plain)
    return (plain, plain_cost) if plain_cost.count < cost.count else (text, cost)


def _cut(text: str, most: int) -> str:
    """The beginning of ``text``, which is longer than ``most`` segments, and an ellipsis."""
    lengths = range(1, min(len(text), max(ALONE["GSM-7"], most * EACH["GSM-7"])))
    room = bisect_right(lengths, 0, key=lambda length: segments(_ended(text[:length])).count > most)
    head = text[: _end(text, room)].rstrip()
    return _ended(head if _ends_in_address(head) else head.rstrip(_LOOSE) or head)


def _ended(text: str) -> str:
    """``text`` with an ellipsis that does not make it UCS-2, nor becomes part of a link."""
    return text + (" " if _ends_in_address(text) else "") + ("..." if is_gsm(text) else "…")


def _ends_in_address(text: str) -> bool:
    return any(end == len(text) for _, end in addresses(text))


def _end(text: str, room: int) -> int:
    """Where to cut within ``room`` characters: before an address, else between words, else between characters."""
    for start, end in addresses(text):
        if start < room < end and text[:start].strip(_LOOSE):
            return start
    spaces = [space.start() for space in _BREAK.finditer(text, 0, room + 1)]
    if spaces and spaces[-1] > room // 2:
        return spaces[-1]
    return next((end for end in range(room, room // 2, -1) if not _within_a_character(text, end)), room)


def _within_a_character(text: str, index: int) -> bool:
    """Whether what people see as one character would be cut in two at ``index``, roughly as UAX #29 has it."""
    before, after = text[index - 1], text[index]
    if after in _FLAG_LETTERS:
        return (index - len(text[:index].rstrip(_FLAG_LETTERS))) % 2 == 1
    return _JOINER in {before, after} or after in _SKIN_TONES or unicodedata.category(after).startswith("M")
