"""A mail as the SMTP sink took it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import cached_property


@dataclass(frozen=True)
class Mail:
    """One mail that was taken; a body is decoded when it is looked at."""

    sender: str
    to: tuple[str, ...]
    message_id: str
    subject: str
    event: str
    notification_id: int | None
    headers: Mapping[str, str]
    """Decoded and unfolded."""
    received_at: datetime
    raw: bytes = field(repr=False)

    @property
    def raw_size(self) -> int:
        return len(self.raw)

    @cached_property
    def text(self) -> str:
        """The text/plain part, with LF between lines; empty if there is none."""
        return self._part("text/plain")

    @cached_property
    def html(self) -> str:
        """The text/html part, with LF between lines; empty if there is none."""
        return self._part("text/html")

    def _part(self, content_type: str) -> str:
        for part in message_from_bytes(self.raw).walk():
            if part.get_content_type() == content_type:
                payload = part.get_payload(decode=True)
                if isinstance(payload, bytes):
                    charset = part.get_content_charset("utf-8")
                    return payload.decode(charset, "replace").replace("\r\n", "\n")
        return ""


def read_mail(sender: str, to: tuple[str, ...], raw: bytes) -> Mail:
    """The mail in ``raw``, as it came after DATA with its dots undone; received now."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    headers = {name: _plain(str(value)) for name, value in BytesHeaderParser().parsebytes(head).items()}
    number = headers.get("X-Orderbell-Notification", "")
    return Mail(
        sender=sender,
        to=to,
        message_id=headers.get("Message-ID", ""),
        subject=headers.get("Subject", ""),
        event=headers.get("X-Orderbell-Event", ""),
        notification_id=int(number) if number.isdecimal() else None,
        headers=headers,
        received_at=datetime.now(UTC),
        raw=raw,
    )


def _plain(value: str) -> str:
    unfolded = value.replace("\r\n", "").replace("\n", "")
    if "=?" not in unfolded:
        return unfolded
    with contextlib.suppress(ValueError, LookupError):
        return str(make_header(decode_header(unfolded)))
    return unfolded
