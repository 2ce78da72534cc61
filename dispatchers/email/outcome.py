"""What an SMTP reply, or the lack of one, means for a delivery. Pure.

Two things decide: how far the transaction had come (a server can have taken the message only after the final
dot), and who is at fault. What is wrong with our account, our certificate or their server may cost nobody a
message, so it is a :class:`Retry`; only what a server says for good about this recipient or this message is
:class:`Rejected`.
"""

import re
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from aiosmtplib import SMTPAuthenticationError, SMTPResponseException

from dispatchers.base import Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.email.headers import one_line

ERROR_MAX: Final = 200
"""Characters of an error."""


class Stage(Enum):
    """How far it had come; the values are for people."""

    CONNECT = "connecting"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"
    """The final dot was handed to the network: from here on the message may have been taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered last."""

    stage: Stage
    code: int
    text: str


class Broken(Exception):
    """The connection failed (its ``__cause__`` says how) and is of no more use."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.value)
        self.stage = stage


_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS: Final = re.compile(r"<?[^\s<>\"]*[^\s<>\".]@[^\s<>\",;:()]+>?")
_TEXT_MAX: Final = 1000
"""Characters of a reply that are looked at: a server may send 32 KiB."""
_QUEUE_IDS: Final = (
    re.compile(r"queued as <?([\w.-]+)", re.IGNORECASE),  # Postfix, Amazon's relay, Mailgun
    re.compile(r"\bid=([\w-]+)", re.IGNORECASE),  # Exim
    re.compile(r"\bInternalId=(\d+)"),  # Exchange
    re.compile(r"\b([\w.-]+) Message accepted for delivery"),  # sendmail
    re.compile(r"^Ok ([0-9a-f]{16}-[\w-]+)$"),  # Amazon SES
)
_ASKS_FOR_LOGIN: Final = frozenset({530, 534, 535, 538})
"""RFC 4954 6: the account is at fault, whatever command it answers."""
_NAMES_NO_MAILBOX: Final = frozenset({550, 551, 553})
_ABOUT_THE_SENDER: Final = frozenset({"5.1.7", "5.1.8"})
_MAILBOX_IS_FULL: Final = frozenset({"5.2.2", "5.2.3"})
_CLOSING: Final = 421


def of_reply(reply: Reply, *, message_id: str, provider: str) -> Outcome:
    """The outcome of a transaction that the server answered (RFC 5321 4.2, RFC 3463)."""
    error = one_line(f"{reply.stage.value}: {reply.code} {without_addresses(reply.text)}".rstrip(), ERROR_MAX)
    match reply.code // 100:
        case 2 if reply.stage is Stage.CONTENT:
            return Sent(provider_id=_queue_id(reply.text) or message_id, provider=provider)
        case 5 if reply.code not in _ASKS_FOR_LOGIN:
            return Rejected(error, suppress_address=_names_bad_address(reply), provider=provider)
        case 4 | 5:
            return Retry(error, provider=provider)
        case _ if reply.stage is Stage.CONTENT:
            return Unknown(error, provider=provider)
        case _:
            return Retry(error, provider=provider)


def of_failure(failure: Broken, *, provider: str) -> Outcome:
    """The outcome of a transaction whose connection failed."""
    error = one_line(f"{failure.stage.value}: {cause_of(failure)}", ERROR_MAX)
    match failure.stage:
        case Stage.CONNECT | Stage.MAIL | Stage.RCPT | Stage.DATA:
            return Retry(error, provider=provider)
        case Stage.CONTENT:
            return Unknown(error, provider=provider)
        case _:
            assert_never(failure.stage)


def cause_of(failure: Broken) -> str:
    """What broke the connection, in a few words and without an address."""
    match failure.__cause__:
        case SMTPAuthenticationError(code=code, message=message):
            return f"the server refused the login: {code} {without_addresses(message)}"
        case SMTPResponseException(code=code, message=message):
            return f"{code} {without_addresses(message)}" if code > 0 else "a reply that is not SMTP"
        case None:
            return "the connection failed"
        case BaseException() as cause:
            return _in_words(_root(cause))


def without_addresses(text: str) -> str:
    """``text`` with every e-mail address in it blotted out: servers like to repeat them."""
    return _ADDRESS.sub("<address>", text[:_TEXT_MAX])


def is_closing(reply: Reply) -> bool:
    """Whether the server took its leave with this reply (RFC 5321 3.8)."""
    return reply.code == _CLOSING


def _in_words(cause: BaseException) -> str:
    match cause:
        case ssl.SSLCertVerificationError(verify_message=str() as reason):
            return f"the server's certificate is not trusted: {reason}"
        case ssl.SSLError(reason=str() as reason):
            return f"TLS failed: {reason}"
        case TimeoutError():
            return str(cause) or "timed out"
        case OSError(strerror=str() as reason):
            return reason
        case _:
            return without_addresses(str(cause)) or type(cause).__name__


def _root(error: BaseException) -> BaseException:
    """The system's or the TLS library's error below aiosmtplib's, which says more; else the error itself."""
    cause = error.__cause__
    return cause if isinstance(cause, OSError) and not isinstance(error, TimeoutError) else error


def _names_bad_address(reply: Reply) -> bool:
    """Whether a 5xx reply is about the recipient's address, and not about us, our message or a policy."""
    if reply.stage is Stage.MAIL:
        return False  # the recipient was not named yet
    enhanced = _ENHANCED.match(reply.text)
    status = enhanced.group() if enhanced else ""
    if status.startswith("5.7.") or status in _ABOUT_THE_SENDER | _MAILBOX_IS_FULL:
        return False
    return status.startswith("5.1.") or (reply.stage is Stage.RCPT and reply.code in _NAMES_NO_MAILBOX)


def _queue_id(text: str) -> str | None:
    """What the server calls the message, where its kind of reply is known."""
    last_line = text[-_TEXT_MAX:].rpartition("\n")[2]
    for pattern in _QUEUE_IDS:
        if found := pattern.search(last_line):
            return found.group(1)[:128]
    return None
