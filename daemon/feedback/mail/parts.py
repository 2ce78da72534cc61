"""A mail taken apart. Total, and in a time that grows with its size only. Pure."""

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any, Final

_MOST_BOUNDARIES: Final = 40
"""A report has two or three. Each makes the standard library's parser compare every line that follows."""
_LONGEST_VALUE: Final = 2_000
"""Characters of a field; parameters of a longer one take a time that grows with its square."""
_OPAQUE: Final = "application/x-"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has no parts."""

    kind: str
    """``message/delivery-status``"""
    content: bytes


def parts_of(content: bytes) -> list[Part]:
    """The parts of a mail, in their order and with their encodings undone; empty for what is no mail.

    A mail within the mail is one part.
    """
    if content.lower().count(b"boundary") > _MOST_BOUNDARIES:
        return []
    try:
        message = BytesParser(_Unopened, policy=compat32).parsebytes(content)
        leaves = [part for part in message.walk() if not part.is_multipart()]
        return [Part(_kind(part), _content(part)) for part in leaves]
    except Exception:  # noqa: BLE001 - what a parser that is not ours does with what others wrote
        return []


class _Unopened(Message):
    """A message whose parts of the type ``message`` stay closed.

    The standard library would read them as they are, though RFC 6533 lets them be in base64.
    """

    def get_content_type(self) -> str:
        return super().get_content_type().replace("message/", f"{_OPAQUE}message/")

    def get_content_maintype(self) -> str:
        return self.get_content_type().partition("/")[0]

    def set_raw(self, name: str, value: Any) -> None:
        super().set_raw(name, value[:_LONGEST_VALUE])


def _kind(part: "Message[str, str]") -> str:
    return part.get_content_type().removeprefix(_OPAQUE)


def _content(part: "Message[str, str]") -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
