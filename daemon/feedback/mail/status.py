"""Why a mail came back, by the table that the channel judges refusals with. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from dispatchers.email.headers import one_line
from dispatchers.email.meaning import Meaning, meaning_of
from dispatchers.email.outcome import ERROR_MAX
from dispatchers.email.reply import Reply, Stage, without_addresses

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_CODE: Final = re.compile(r"\s*([245]\d\d)\b[ -]?")
_LOOKED_AT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Status:
    """What a report says of a failure."""

    error: str
    is_address: bool
    """There is no such mailbox, for good."""

    @classmethod
    def of(cls, status: str, diagnostic: str) -> "Status":
        """From the fields Status (RFC 3463) and Diagnostic-Code, without its type: ``550 5.1.1 unknown``."""
        diagnostic = diagnostic[:_LOOKED_AT]
        given, said = _ENHANCED.search(status[:_LOOKED_AT]), _ENHANCED.search(diagnostic)
        # 5.0.0 is what a server writes that does not know; what the other one answered may say more.
        unclear = given is None or given[0].endswith(".0.0")
        enhanced = said if unclear and said and (given is None or said[1] == given[1]) else given
        number = enhanced[0] if enhanced else ""
        code = _CODE.match(diagnostic)
        words = _ENHANCED.sub("", diagnostic[code.end() :] if code else diagnostic, count=1).strip()
        error = " ".join(filter(None, ("came back:", code[1] if code else "", number, without_addresses(words))))
        return cls(one_line(error, ERROR_MAX), number.startswith("5") and _is_address(code, number, words))


def _is_address(code: re.Match[str] | None, number: str, words: str) -> bool:
    # At which command it was refused is not said: as if after the content, where only a clear code means the mailbox.
    reply = Reply(Stage.CONTENT, int(code[1]) if code else 550, f"{number} {words}")
    return meaning_of(reply) is Meaning.ADDRESS
