"""Which of our mails another one is about. Pure."""

import re
from collections.abc import Iterator, Sequence
from email.utils import getaddresses
from typing import Final

from daemon.feedback.mail.fields import Fields, address_in, head_of
from daemon.feedback.mail.values import Reference, Sent
from dispatchers.email.returning import ReturnPaths

# Twelve digits at most: the root of a thread looks alike, with twenty (dispatchers.email.message).
_MESSAGE_ID: Final = re.compile(r"<orderbell\.(\d{1,19})\.([0-9a-f]{1,12})@([^<>@\s]{1,255})>", re.IGNORECASE)
_RECIPIENT_FIELDS: Final = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_MOST: Final = 20
"""Of anything in one mail."""
_LARGEST_ID: Final = 2**63 - 1


class Ours:
    """What is ours: the mailbox that mails come back to, and the domain of our Message-IDs."""

    def __init__(self, return_paths: ReturnPaths | None, message_id_domain: str) -> None:
        self.return_paths = return_paths
        self._domain = message_id_domain.lower()

    def of(
        self, head: Fields, about: Fields, envelope_recipients: Sequence[str] = (), report: bytes = b""
    ) -> Reference:
        """What these say: the mail's fields, those of the mail that it returns, its envelope, a feedback report."""
        paths = [*envelope_recipients, *_values(head, *_RECIPIENT_FIELDS), *_values(about, "return-path")]
        paths += _values(head_of(report), "original-mail-from")
        ids = [*_values(about, "message-id"), *_values(head, "in-reply-to", "references")]
        returned = (self.return_paths.read(path) for path in _mailboxes(paths)) if self.return_paths else ()
        return Reference(
            returned=tuple(dict.fromkeys(one for one in returned if one is not None)),
            sent=tuple(dict.fromkeys(self._sent(ids))),
        )

    def _sent(self, values: Sequence[str]) -> Iterator[Sent]:
        for value in values[:_MOST]:
            for number, born, domain in _MESSAGE_ID.findall(value):
                if domain.lower() == self._domain and int(number) <= _LARGEST_ID:
                    yield Sent(int(number), int(born, 16))


def _values(fields: Fields, *names: str) -> list[str]:
    return [value for name in names for value in fields.get(name, ())]


def _mailboxes(values: Sequence[str]) -> Iterator[str]:
    for value in values[:_MOST]:
        yield address_in(value)
        if "," in value or " " in value:
            yield from (address for _, address in getaddresses([value[:2_000]])[:_MOST])
