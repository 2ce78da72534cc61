"""What an SMTP server said, or how the connection to it broke: as values, and in words without addresses. Pure."""

import re
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aiosmtplib import SMTPAuthenticationError, SMTPResponseException


class Stage(Enum):
    """How far it had come; the values are for people."""

    CONNECT = "connecting"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"
    """The final dot was handed to the network: from here on the message may have been taken."""


_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS: Final = re.compile(r"<?[^\s<>\"]*[^\s<>\".]@[^\s<>\",;:()]+>?")
_TEXT_MAX: Final = 1000
"""Characters of a reply that are looked at: a server may send 32 KiB."""
CLOSING: Final = 421


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered last."""

    stage: Stage
    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), ``5.1.1``; empty where there is none."""
        found = _ENHANCED.match(self.text)
        return found.group() if found else ""

    @property
    def codes(self) -> str:
        """Both codes, ``550 5.1.1``."""
        return f"{self.code} {self.enhanced}".rstrip()


class Broken(Exception):
    """The connection failed (its ``__cause__`` says how) and is of no more use."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.value)
        self.stage = stage

    @property
    def reply(self) -> Reply | None:
        """What the server said as it broke, where it said something."""
        match self.__cause__:
            case SMTPResponseException(code=code, message=message) if code > 0:
                return Reply(self.stage, code, message)
            case _:
                return None


class Misconfigured(OSError):
    """A setting keeps the connection from being made, whatever the server does."""


def is_closing(reply: Reply) -> bool:
    """Whether the server took its leave with this reply (RFC 5321 3.8)."""
    return reply.code == CLOSING


def is_our_doing(failure: Broken) -> bool:
    """Whether no connection can be made until somebody changes a setting, here or at the server."""
    cause = failure.__cause__
    return isinstance(cause, Misconfigured) or (
        cause is not None and isinstance(_root(cause), ssl.SSLCertVerificationError)
    )


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
