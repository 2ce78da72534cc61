"""Signatures by which receivers see who is answerable for a mail: DKIM (RFC 6376, Ed25519 in RFC 8463), by dkimpy.

With RSA dkimpy computes in Python: 7 ms a mail with 2048 bits, 42 ms with 4096. So mails that are signed are composed
in a thread. Ed25519 takes 0.3 ms, and some large receivers do not know it yet.
"""

import binascii
import importlib
import re
from base64 import b64decode, b64encode
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from config.channels import Dkim
from dispatchers.email.address import ascii_domain

SIGNED: Final = frozenset(
    {
        b"from",
        b"to",
        b"subject",
        b"date",
        b"message-id",
        b"reply-to",
        b"list-unsubscribe",
        b"list-unsubscribe-post",
        b"mime-version",
        b"content-type",
    }
)
"""Where they are there. RFC 8058 4 wants those two of a list signed."""
SMALLEST_RSA_BITS: Final = 1024
"""Receivers must ignore signatures with less (RFC 8301 3.2)."""

_KEY: Final = "email.dkim.private_key"
_SEED_OCTETS: Final = 32
_SELECTOR: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})*")
_FIELD_NAME: Final = re.compile(rb"^([!-9;-~]+):", re.MULTILINE)
_PROBE: Final = b"From: a@example.com\r\n\r\n\r\n"


class Signer:
    """Signs for one domain with one key."""

    def __init__(self, settings: Dkim, private_key: str, sender_domain: str) -> None:
        """Raises ValueError, which names the key: dkimpy is missing, or cannot use what is configured."""
        try:
            self._dkim: Any = importlib.import_module("dkim")
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{_KEY}: to sign needs {error.name}, which is not installed: pip install 'orderbell[dkim]'"
            ) from None
        if not _SELECTOR.fullmatch(settings.selector):
            raise ValueError("email.dkim.selector: is the part before ._domainkey of a name in the DNS: mail2026")
        self._selector = settings.selector.encode("ascii")
        self._domain = ascii_domain(settings.domain or sender_domain).encode("ascii")
        self._algorithm, self._private_key = _read_key(private_key)
        try:
            self.sign(_PROBE)
        except self._dkim.DKIMException as error:
            raise ValueError(f"{_KEY}: dkimpy cannot sign with it: {error}") from None

    def sign(self, content: bytes) -> bytes:
        """The field ``DKIM-Signature`` for a mail as it will arrive (its dots not doubled), to stand before it."""
        head = content.partition(b"\r\n\r\n")[0]
        present = [name for name in map(bytes.lower, _FIELD_NAME.findall(head)) if name in SIGNED]
        field: bytes = self._dkim.sign(
            content,
            self._selector,
            self._domain,
            self._private_key,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=self._algorithm,
            # From once more than it is there: a second one would break the signature.
            include_headers=[*present, b"from"],
        )
        return field


def _read_key(text: str) -> tuple[bytes, bytes]:
    """The algorithm, and the key as dkimpy takes it."""
    wrong = f"{_KEY}: is neither RSA in PEM without a password nor an Ed25519 seed in base64: openssl genrsa 2048"
    if "-----BEGIN" not in text:
        try:
            seed = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(wrong) from None
        if len(seed) != _SEED_OCTETS:
            raise ValueError(wrong)
        return b"ed25519-sha256", b64encode(seed)
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(wrong) from None
    match key:
        case RSAPrivateKey() if key.key_size < SMALLEST_RSA_BITS:
            raise ValueError(
                f"{_KEY}: receivers ignore RSA with less than {SMALLEST_RSA_BITS} bits: openssl genrsa 2048"
            )
        case RSAPrivateKey():
            return b"rsa-sha256", key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        case Ed25519PrivateKey():
            raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            return b"ed25519-sha256", b64encode(raw)
        case _:
            raise ValueError(wrong)
