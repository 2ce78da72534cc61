"""What a refusal means: the table of SMTP reply codes and enhanced status codes. Pure.

Sources: RFC 5321 4.2 (reply codes), RFC 3463 and the IANA registry of enhanced status codes
(https://www.iana.org/assignments/smtp-enhanced-status-codes), RFC 4954 6 (AUTH), RFC 6647 (greylisting), RFC 7504 (521,
556), RFC 7505 (5.1.10), and what large servers make of them: Gmail (https://support.google.com/a/answer/3726730),
Exchange Online (https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online),
Amazon SES (https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html).

What is wrong with our account, our certificate or their server may cost nobody a message; only what a server says for
good about this recipient or this message is final.
"""

import re
from enum import Enum, auto
from typing import Final

from dispatchers.email.reply import Reply, Stage


class Meaning(Enum):
    """What a refusal says about."""

    ADDRESS = auto()
    """The mailbox does not exist: never again."""
    MESSAGE = auto()
    """This message to this mailbox: not again, but others may go."""
    ROUTE = auto()
    """This server will not take it from us, or not to there: not again here, but another may."""
    LATER = auto()
    """The mailbox, for the moment."""
    TROUBLE = auto()
    """The server, for the moment."""
    LIMIT = auto()
    """We ask too much of the server."""
    SETTINGS = auto()
    """The account: nothing will go until somebody has put it right."""


_ENHANCED: Final = {
    "4.3.1": Meaning.TROUBLE,  # its disk is full
    "4.4.5": Meaning.LIMIT,  # congestion
    "4.5.3": Meaning.LIMIT,  # too many recipients: we name one, so it counts them over time
    "4.7.0": Meaning.TROUBLE,  # Exchange: a server behind it fails
    "4.7.12": Meaning.SETTINGS,  # a password transition is needed (RFC 4954)
    "4.7.28": Meaning.LIMIT,  # Gmail: an unusual rate
    "4.7.500": Meaning.LIMIT,  # Exchange: busy
    "5.1.7": Meaning.ROUTE,  # the sender's address
    "5.1.8": Meaning.ROUTE,  # the sender's domain
    "5.2.2": Meaning.MESSAGE,  # the mailbox is full, and will not be for ever
    "5.2.3": Meaning.MESSAGE,  # too long for this mailbox
    "5.3.4": Meaning.MESSAGE,  # too long for this server
    "5.6.7": Meaning.ROUTE,  # it does not offer SMTPUTF8
    "5.7.8": Meaning.SETTINGS,  # the password is wrong
    "5.7.9": Meaning.SETTINGS,  # the mechanism is too weak
    "5.7.11": Meaning.SETTINGS,  # it asks for encryption
    "5.7.13": Meaning.SETTINGS,  # the account is disabled
}
_SUBJECTS_4: Final = {
    "1": Meaning.LATER,  # addressing
    "2": Meaning.LATER,  # mailbox
    "3": Meaning.TROUBLE,  # mail system
    "4": Meaning.TROUBLE,  # network and routing
    "5": Meaning.TROUBLE,  # protocol
    "6": Meaning.LATER,  # content
    "7": Meaning.LATER,  # security or policy: greylisting, mostly
}
_SUBJECTS_5: Final = {
    "1": Meaning.ADDRESS,
    "3": Meaning.ROUTE,
    "5": Meaning.ROUTE,
    "7": Meaning.ROUTE,
}
_LIMITS: Final = frozenset({421, 432})
"""421: it hangs up, which is what servers do who have had enough of us. 432: Exchange, too many connections."""
_ASKS_FOR_LOGIN: Final = frozenset({530, 534, 535, 538})
"""RFC 4954 6: the account is at fault, whatever command it answers."""
_NAMES_NO_MAILBOX: Final = frozenset({550, 551, 553, 556})
_MISUNDERSTOOD: Final = frozenset({500, 501, 502, 503, 504, 521, 555})
_MAILBOX_UNAVAILABLE: Final = 450

_TOO_MUCH: Final = re.compile(
    r"throttl|too (?:many|much|fast|quickly)|rate (?:limit|exceeded)|limit exceeded|quota exceeded", re.IGNORECASE
)
_GREYLISTED: Final = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
_LOOKED_AT: Final = 500
"""Characters of the text."""


def meaning_of(reply: Reply) -> Meaning:
    """What a reply means that refuses; one that is neither 4xx nor 5xx makes no sense, and is trouble."""
    match reply.code // 100:
        case 5:
            return _of_5xx(reply)
        case 4:
            return _of_4xx(reply)
        case _:
            return Meaning.TROUBLE


def _of_4xx(reply: Reply) -> Meaning:
    known = _ENHANCED.get(reply.enhanced)
    subject = reply.enhanced.split(".")[1] if reply.enhanced.startswith("4.") else ""
    by_subject = _SUBJECTS_4.get(subject)
    text = reply.text[:_LOOKED_AT]
    if reply.code in _LIMITS and known is not Meaning.SETTINGS:
        meaning = Meaning.LIMIT
    elif known is not None:
        meaning = known
    elif reply.stage in {Stage.CONNECT, Stage.MAIL}:
        # The recipient was not named yet.
        meaning = Meaning.LIMIT if _TOO_MUCH.search(text) else Meaning.TROUBLE
    elif by_subject is Meaning.LATER or _GREYLISTED.search(text):
        meaning = Meaning.LATER
    elif _TOO_MUCH.search(text):
        meaning = Meaning.LIMIT
    elif by_subject is None and reply.stage is Stage.RCPT and reply.code == _MAILBOX_UNAVAILABLE:
        meaning = Meaning.LATER
    else:
        meaning = Meaning.TROUBLE
    return meaning


def _of_5xx(reply: Reply) -> Meaning:
    known = _ENHANCED.get(reply.enhanced)
    by_subject = _SUBJECTS_5.get(reply.enhanced.split(".")[1]) if reply.enhanced.startswith("5.") else None
    is_policy = reply.enhanced.startswith("5.7.")
    if reply.code in _ASKS_FOR_LOGIN:
        meaning = Meaning.SETTINGS
    elif known is not None:
        meaning = known
    elif reply.stage in {Stage.CONNECT, Stage.MAIL}:
        meaning = Meaning.ROUTE
    elif is_policy and reply.stage is not Stage.RCPT:
        # It has read the message: what one takes for spam is not carried to the next.
        meaning = Meaning.MESSAGE
    elif by_subject is Meaning.ADDRESS:
        meaning = Meaning.ADDRESS
    elif reply.stage is Stage.RCPT and reply.code in _NAMES_NO_MAILBOX and not is_policy:
        # Whatever the enhanced code: servers use many where the mailbox is what they mean.
        meaning = Meaning.ADDRESS
    elif by_subject is Meaning.ROUTE or reply.code in _MISUNDERSTOOD or reply.stage is Stage.RCPT:
        meaning = Meaning.MESSAGE if reply.code == 552 else Meaning.ROUTE
    else:
        meaning = Meaning.MESSAGE
    return meaning
