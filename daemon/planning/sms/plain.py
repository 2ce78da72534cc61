"""Texts in the letters that a phone network has: a curly quote alone more than halves what fits into a segment."""

import unicodedata
from functools import lru_cache

from daemon.planning.sms.addresses import addresses
from daemon.planning.sms.alphabet import SEPTETS, is_gsm

_SAME: dict[str, str] = {
    **dict.fromkeys("‘’‚‛‹›′ʹʻʼ`´", "'"),  # noqa: RUF001
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),  # noqa: RUF001
    **dict.fromkeys("•‣●", "*"),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    "\t": " ",
    "×": "x",  # noqa: RUF001
    "⁄": "/",  # noqa: RUF001
    "→": "->",
    "←": "<-",
    "№": "No.",
    "©": "(C)",
    "®": "(R)",
    "™": "(TM)",
}
"""Signs -> the same in the alphabet."""

_LETTERS = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ı": "i", "ə": "e", "Ə": "E",  # noqa: RUF001
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "œ": "oe", "Œ": "OE", "ŋ": "ng", "Ŋ": "Ng", "ẞ": "SS",
}  # fmt: skip
"""Letters that Unicode does not take apart. Those that are in the alphabet (ß, ø, æ, å) stay."""

_CURRENCIES = {
    "₾": "GEL", "₴": "UAH", "₽": "RUB", "₺": "TRY", "₹": "INR", "₪": "ILS", "₸": "KZT", "₼": "AZN", "֏": "AMD",
    "₫": "VND", "₱": "PHP", "₦": "NGN", "₡": "CRC", "₲": "PYG", "₵": "GHS", "₮": "MNT", "₭": "LAK",
}  # fmt: skip
"""Signs of one currency only -> its ISO 4217 code. €, £, $ and ¥ are in the alphabet."""

_UNSEEN = dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f", "")
"""Soft hyphens, joiners, marks of direction, variation selectors."""

_REPLACED = _SAME | _LETTERS | _CURRENCIES | _UNSEEN

_SAME_SENSE = frozenset({"<compat>", "<noBreak>", "<wide>"})
"""Of Unicode's compatibility mappings, those that do not change what is meant: … is "...", but m² is not m2, and 1½ not
11/2 (UAX #44, section 5.7.3).
"""

_OVERLAY = 1
"""The combining class of strokes through a letter (UAX #44, section 5.7.4): struck out is not the same."""


def transliterated(text: str) -> str:
    """``text`` in GSM-7, or unchanged where that cannot be done: other scripts and emoji are never replaced, and half a
    text in plain letters would be worse and no shorter. Nor are letters in addresses.
    """
    if is_gsm(text):
        return text
    pieces: list[str] = []
    done = 0
    for start, end in addresses(text):
        pieces += [_in_plain_letters(text[done:start]), text[start:end]]
        done = end
    pieces.append(_in_plain_letters(text[done:]))
    plain = "".join(pieces)
    return plain if is_gsm(plain) else text


def _in_plain_letters(text: str) -> str:
    """``text`` with what has a counterpart replaced; the rest stays."""
    plain: list[str] = []
    letter = False
    for character in unicodedata.normalize("NFC", text):
        if letter and unicodedata.combining(character) > _OVERLAY:
            continue  # a mark that makes no letter of its own with the one before
        plain.append(_plain(character))
        letter = _is_letter(plain[-1])
    return "".join(plain)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """``character`` in the alphabet, or itself."""
    if character in SEPTETS:
        return character
    if character in _REPLACED:
        return _REPLACED[character]
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    if kind in _SAME_SENSE:
        return "".join(_plain(chr(int(code, 16))) for code in codes)
    if codes and not kind.startswith("<"):
        letter = _plain(chr(int(kind, 16)))  # without its last mark: ǖ is ü, which is in the alphabet
        if _is_letter(letter) and all(unicodedata.combining(chr(int(code, 16))) > _OVERLAY for code in codes):
            return letter
    return character


def _is_letter(text: str) -> bool:
    return text.isalpha() and is_gsm(text)
