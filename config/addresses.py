"""What an e-mail address in the configuration must look like; channels judge everybody else's."""

import re
from email.utils import parseaddr

import idna

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\U0010ffff]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def problem_of_mailbox(text: str) -> str | None:
    """Why ``Name <address>`` cannot stand in a From header (RFC 5322, 3.4); None where it can."""
    _, address = parseaddr(text)
    local_part, at, domain = address.rpartition("@")
    if not at or not local_part:
        return "has no address: write Name <address>"
    if not _LOCAL_PART.fullmatch(local_part) or not local_part.isprintable() or _has_stray_dot(local_part):
        return "has a character before the @ that is not allowed there"
    if len(local_part.encode()) > 64 or len(address.encode()) > 254:
        return "has an address that is too long"
    return problem_of_domain(domain)


def problem_of_domain(text: str) -> str | None:
    """Why this is no domain (RFC 1034, 3.5, after RFC 5891); None where it is one."""
    domain = text.lower()
    if not text.isascii():
        try:
            domain = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return "has no valid domain"
    return None if _DOMAIN.fullmatch(domain) else "has no valid domain"


def _has_stray_dot(local_part: str) -> bool:
    return local_part.startswith(".") or local_part.endswith(".") or ".." in local_part
