"""Reading an e-mail address: what goes on the wire, or why it cannot be one."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a1-\U0010ffff]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*|\"(?:[ !#-\[\]-~]|\\[ -~])+\"")
_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_LOCAL_PART_MAX_OCTETS: Final = 64
_ADDRESS_MAX_OCTETS: Final = 254


class BadAddress(ValueError):
    """This is not an address that mail can be sent to. The message does not repeat the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as SMTP takes it: the domain in its ASCII form (RFC 5891)."""

    local_part: str
    domain: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it."""
        return not self.local_part.isascii()

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


def read_mailbox(address: str) -> Mailbox:
    """The mailbox that ``address`` names (RFC 5321 4.1.2, RFC 6531 3.3).

    Raises:
        BadAddress: it is none, with the reason in a few words.
    """
    local_part, at, domain = address.strip().rpartition("@")
    if not at:
        raise BadAddress("the address has no @")
    if not local_part:
        raise BadAddress("the address has nothing before the @")
    # isprintable: the Unicode range of the pattern holds invisible and broken characters as well.
    if not _LOCAL_PART.fullmatch(local_part) or not local_part.isprintable():
        raise BadAddress("the address has a character before the @ that is not allowed there")
    if len(local_part.encode()) > _LOCAL_PART_MAX_OCTETS:
        raise BadAddress("the address has more than 64 octets before the @")
    mailbox = Mailbox(local_part, ascii_domain(domain))
    if len(str(mailbox).encode()) > _ADDRESS_MAX_OCTETS:
        raise BadAddress("the address is longer than 254 octets")
    return mailbox


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """``domain`` in lower case and ASCII: ``bücher.example`` -> ``xn--bcher-kva.example``.

    Raises:
        BadAddress: it is no domain.
    """
    ascii_form = domain.lower()
    if not domain.isascii():
        try:
            ascii_form = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise BadAddress("the address has no valid domain after the @") from None
    if not _DOMAIN.fullmatch(ascii_form):
        raise BadAddress("the address has no valid domain after the @")
    return ascii_form
