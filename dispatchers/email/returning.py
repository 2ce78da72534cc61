"""Return paths: each mail has an envelope sender of its own, which says what came back (VERP).

``bounces+TOKEN@example.com``: the token is base32 in lower case, because some servers fold the case of what they
return, and holds a signature of 64 bits, 32 bits that stand for the recipient's address, and the delivery's id.
"""

import binascii
from base64 import b32decode, b32encode
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Final

from dispatchers.base import Delivery
from dispatchers.email.address import BadAddress, Mailbox, read_mailbox
from dispatchers.email.keys import is_signed, key_for, signature

_SIGNATURE_OCTETS: Final = 8
_ADDRESS_OCTETS: Final = 4
_ID_OCTETS: Final = 8
_LONGEST_TOKEN: Final = 32
"""Characters: base32 of all three."""
_LOCAL_PART_MAX_OCTETS: Final = 64


@dataclass(frozen=True, slots=True)
class Returned:
    """What a return path names: a delivery of ours, and who it went to."""

    delivery_id: int
    recipient: bytes


class ReturnPaths:
    """The mailbox that mails come back to. Without a secret they all come back to the same address."""

    def __init__(self, address: str, secret: str | None) -> None:
        """Raises ValueError, which names the key, where ``address`` is none that a token can be added to."""
        try:
            self.mailbox = read_mailbox(parseaddr(address)[1])
        except BadAddress as error:
            raise ValueError(f"email.bounces.address: {error}") from None
        self._local_part = self.mailbox.local_part.lower()
        self._key = key_for("return path", secret) if secret else None
        room = _LOCAL_PART_MAX_OCTETS - _LONGEST_TOKEN - 1
        if self._key is not None and len(self.mailbox.local_part.encode()) > room:
            raise ValueError(f"email.bounces.address: has more than {room} octets before the @; a token is added there")

    def of(self, delivery: Delivery) -> Mailbox:
        """The envelope sender of this mail."""
        if self._key is None:
            return self.mailbox
        said = _mark(self._key, delivery.address) + delivery.id.to_bytes(_ID_OCTETS, "big").lstrip(b"\0")
        token = b32encode(signature(self._key, said)[:_SIGNATURE_OCTETS] + said).rstrip(b"=").decode("ascii").lower()
        return Mailbox(f"{self.mailbox.local_part}+{token}", self.mailbox.domain)

    def takes(self, address: str) -> bool:
        """Whether ``address`` is this mailbox, with any token or none."""
        local_part, _, domain = address.strip().lower().rpartition("@")
        return domain == self.mailbox.domain and (
            local_part == self._local_part or local_part.startswith(f"{self._local_part}+")
        )

    def read(self, address: str) -> Returned | None:
        """What ``address`` names, where it is one that we have made."""
        local_part, _, domain = address.strip().lower().rpartition("@")
        prefix = f"{self._local_part}+"
        token = local_part.removeprefix(prefix)
        if self._key is None or domain != self.mailbox.domain or token == local_part or len(token) > _LONGEST_TOKEN:
            return None
        try:
            raw = b32decode(token.upper() + "=" * (-len(token) % 8))
        except (binascii.Error, ValueError):
            return None
        said = raw[_SIGNATURE_OCTETS:]
        if len(said) < _ADDRESS_OCTETS or not is_signed(self._key, said, raw[:_SIGNATURE_OCTETS], _SIGNATURE_OCTETS):
            return None
        return Returned(int.from_bytes(said[_ADDRESS_OCTETS:], "big"), said[:_ADDRESS_OCTETS])

    def went_to(self, returned: Returned, address: str) -> bool:
        """Whether the mail went to ``address``: a database that was made anew counts from 1 again."""
        return self._key is not None and _mark(self._key, address) == returned.recipient


def _mark(key: bytes, address: str) -> bytes:
    """Stands for an address, and tells nobody which."""
    return signature(key, b"to " + address.strip().lower().encode("utf-8", "replace"))[:_ADDRESS_OCTETS]
