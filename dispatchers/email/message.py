"""A delivery as the bytes of an e-mail (RFC 5322, multipart/alternative). Pure: the same in, the same out."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Final

from config.channels import Email
from dispatchers.base import Delivery
from dispatchers.email.address import BadAddress, Mailbox, ascii_domain, read_mailbox
from dispatchers.email.dkim import Signer
from dispatchers.email.headers import field, mailbox_field, one_line, safe_id, verbatim
from dispatchers.email.layout import Layout
from dispatchers.email.quoted import Quoted
from dispatchers.email.returning import ReturnPaths
from dispatchers.email.unsubscribe import Links

_TOKEN_MAX: Final = 128
_TOKEN: Final = re.compile(rf"[!-~]{{1,{_TOKEN_MAX}}}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message ready for SMTP: the paths, and the content with its dots doubled (RFC 5321 4.5.2)."""

    sender: Mailbox
    recipient: Mailbox
    message_id: str
    content: bytes

    @property
    def needs_smtputf8(self) -> bool:
        return self.sender.needs_smtputf8 or self.recipient.needs_smtputf8


class Composer:
    """Turns deliveries into envelopes for one configured sender."""

    def __init__(self, settings: Email, *, public_url: str = "", secret: str | None = None) -> None:
        """Read the sender once. ``public_url`` is where unsubscribe links lead, ``secret`` signs them and return paths;
        mails have neither without.

        Raises:
            ValueError: a configured address or DKIM key is none; the text names the key.
        """
        name, self._sender = _configured(settings.sender, "email.sender")
        self._domain = message_id_domain(settings)
        self._from = mailbox_field("From", name, self._sender)
        if settings.reply_to is not None:
            self._from += mailbox_field("Reply-To", *_configured(settings.reply_to, "email.reply_to"))
        self._layout = Layout(brand=brand_of(settings), accent=settings.accent, footer=settings.footer)
        self._links = Links(public_url, secret)
        key = settings.dkim.private_key
        self._signer = Signer(settings.dkim, key.get_secret_value(), self._sender.domain) if key is not None else None
        self._return_paths = None
        if settings.bounces.address is not None:
            self._return_paths = ReturnPaths(settings.bounces.address, secret)

    @property
    def takes_long(self) -> bool:
        """Whether to compose takes milliseconds of computing: signatures do."""
        return self._signer is not None

    def compose(self, delivery: Delivery, now: datetime) -> Envelope:
        """The envelope of ``delivery``, dated ``now``.

        Raises:
            BadAddress: its address is none.
        """
        recipient = read_mailbox(delivery.address)
        # Stable over all attempts, so that a repeat can be recognised (RFC 5322 3.6.4).
        # The same at each attempt; the time keeps it apart from a database that was made anew and counts from 1 again.
        born = int(delivery.created_at.timestamp())
        message_id = f"<orderbell.{delivery.id}.{born:x}@{self._domain}>"
        unsubscribe = self._links.of(delivery)
        text, html = self._layout.encode(delivery, unsubscribe)
        # In quoted-printable "=" stands before hex digits or a line's end only, so no part can hold this.
        boundary = f"=_orderbell_{delivery.id}"
        content = b"".join(
            (
                self._from,
                mailbox_field("To", delivery.recipient_name, recipient),
                field("Subject", delivery.title),
                _date(now.replace(microsecond=0)),
                verbatim("Message-ID", message_id),
                self._thread(delivery),
                _one_click(unsubscribe),
                verbatim("X-Orderbell-Event", safe_token(delivery.event)),
                verbatim("X-Orderbell-Notification", str(delivery.notification_id)),
                # RFC 3834 5: keeps well-behaved autoresponders quiet; Exchange has a field of its own.
                b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n",
                b"MIME-Version: 1.0\r\n",
                verbatim("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
                # The last part is the one that a program prefers (RFC 2046 5.1.4).
                _part("plain", text, boundary),
                _part("html", html, boundary),
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        if self._signer is not None:
            content = self._signer.sign(content) + content
        sender = self._return_paths.of(delivery) if self._return_paths is not None else self._sender
        if text.has_dots or html.has_dots:  # fields have none
            content = content.replace(b"\r\n.", b"\r\n..")
        return Envelope(sender, recipient, message_id, content)

    def _thread(self, delivery: Delivery) -> bytes:
        """All mails about one subject to one address answer the same mail, which never was: a thread."""
        if not delivery.subject:
            return b""
        key = f"{delivery.subject}\0{delivery.address.strip().casefold()}".encode("utf-8", "replace")
        unambiguous = hashlib.blake2s(key, digest_size=10).hexdigest()
        root = f"<orderbell.{safe_id(delivery.subject)}.{unambiguous}@{self._domain}>"
        return f"In-Reply-To: {root}\r\nReferences: {root}\r\n".encode("ascii")


def brand_of(settings: Email) -> str:
    """The name that mails go out under."""
    name, address = parseaddr(settings.sender)
    return settings.brand or name or address.rpartition("@")[2]


def message_id_domain(settings: Email) -> str:
    """What stands behind the @ in a Message-ID. Raises ValueError, which names the key."""
    if settings.message_id_domain is None:
        return _configured(settings.sender, "email.sender")[1].domain
    try:
        return ascii_domain(settings.message_id_domain)
    except BadAddress:
        raise ValueError("email.message_id_domain: this is not a domain") from None


def safe_token(text: str) -> str:
    """``text`` as visible ASCII, for fields that programs read."""
    if _TOKEN.fullmatch(text):
        return text
    return "".join(char if "!" <= char <= "~" else "-" for char in one_line(text, _TOKEN_MAX))


@lru_cache(maxsize=8)
def _date(second: datetime) -> bytes:
    return verbatim("Date", format_datetime(second))


def _one_click(link: str | None) -> bytes:
    """Unsubscribing without a visit (RFC 8058). In a line however long: a folded address is broken for some."""
    if link is None:
        return b""
    return verbatim("List-Unsubscribe", f"<{link}>") + b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _part(subtype: str, text: Quoted, boundary: str) -> bytes:
    head = (
        f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode("ascii") + text.content


def _configured(value: str, key: str) -> tuple[str, Mailbox]:
    name, address = parseaddr(value)
    try:
        return name, read_mailbox(address)
    except BadAddress as error:
        raise ValueError(f'{key}: {error}: write "Name <address>"') from None
