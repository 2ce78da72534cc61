"""What a text to us asks for. Pure.

The words are those that Twilio acts upon by itself, with REVOKE and OPTOUT that it added on 14 May 2025:
https://help.twilio.com/articles/223134027. Only a text that is nothing but the word counts: STOP does, "stop please"
does not. Twilio does not say what it makes of a full stop behind the word, so here it makes no difference: who wrote
"Stop." wants no texts.
"""

import re
from enum import StrEnum


class Asked(StrEnum):
    """What the sender of a text wants."""

    STOP = "stop"
    """No more texts."""
    START = "start"
    """Texts again."""
    HELP = "help"
    """To know who we are."""
    OTHER = "other"
    """Something that only a person could answer."""


WORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), Asked.STOP),
    **dict.fromkeys(("START", "YES", "UNSTOP"), Asked.START),
    **dict.fromkeys(("HELP", "INFO"), Asked.HELP),
}

_ONE_WORD = re.compile(r"\W*(\w+)\W*")

_TYPES = {"STOP": Asked.STOP, "START": Asked.START, "HELP": Asked.HELP}


def asked(body: str, opt_out_type: str | None = None) -> Asked:
    """What the text ``body`` asks for.

    ``opt_out_type`` is Twilio's ``OptOutType``, which comes with Advanced Opt-Out
    (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out): it knows the words that were chosen there, in
    every language, so it is believed before ours.
    """
    said = _TYPES.get((opt_out_type or "").strip().upper())
    if said is not None:
        return said
    word = _ONE_WORD.fullmatch(body)
    return WORDS.get(word[1].upper(), Asked.OTHER) if word else Asked.OTHER
