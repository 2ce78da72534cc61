"""The keys that tokens are signed with: one we share, a public one in a file, and a set at a URL (RFC 7517).

A key is used with the algorithms of its own kind only: what a token says of itself decides nothing (RFC 8725, 3.1).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from daemon import metrics

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 600.0
"""A set is fetched again after this."""
LEAST_SECONDS = 30.0
"""Between two fetches, whoever asks for a key that is not in the set."""
TIMEOUT_SECONDS = 10.0
MOST_BYTES = 262_144
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
LEAST_RSA_BITS = 2048
"""RFC 7518, 3.3."""


class BadKeyFile(ValueError):
    """``auth.public_key_file`` cannot be used; the text says why."""


class BadKeySet(ValueError):
    """What ``auth.jwks_url`` answered is no key set."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the only algorithm that it is used with."""

    algorithm: str
    key: Any


def key_in_file(path: str) -> Key:
    """The public key in a PEM file, or of the certificate in it. Raises BadKeyFile."""
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise BadKeyFile(f"cannot be read: {error.strerror or error}") from None
    try:
        certificate = b"BEGIN CERTIFICATE" in pem
        key = load_pem_x509_certificate(pem).public_key() if certificate else load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeyFile("holds no public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    match key:
        case RSAPublicKey() if key.key_size >= LEAST_RSA_BITS:
            return Key("RS256", key)
        case EllipticCurvePublicKey() if key.curve.name in CURVES:
            return Key(CURVES[key.curve.name], key)
        case Ed25519PublicKey():
            return Key("EdDSA", key)
    raise BadKeyFile(f"must hold an RSA key of {LEAST_RSA_BITS} bits or more, a P-256, P-384 or P-521 key, or Ed25519")


def keys_in(document: bytes) -> Mapping[str | None, Key]:
    """The keys of a JSON Web Key Set that signatures can be verified with, by their ids. Raises BadKeySet."""
    try:
        found = jwt.PyJWKSet.from_json(document.decode()).keys
    except Exception as error:  # noqa: BLE001 - somebody else's document: it must not end the daemon, whatever is in it
        raise BadKeySet(f"not a JSON Web Key Set: {error}") from None
    usable = {
        each.key_id: Key(each.algorithm_name, each.key)
        for each in found
        # A shared secret has no place in a set that everybody can read.
        if each.key_type != "oct" and each.public_key_use in (None, "sig") and isinstance(each.key_id, str | None)
    }
    if not usable:
        raise BadKeySet("no key in it can be used to verify signatures")
    return usable


class KeySet:
    """The keys at a URL, fetched in the background: to judge a token waits for nobody."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str | None, Key] | None = None
        self._wanted = asyncio.Event()

    @property
    def fetched(self) -> bool:
        return self._keys is not None

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key of that name; the only one where the token names none. An unknown one is looked for soon."""
        keys = self._keys or {}
        found = keys.get(key_id)
        if found is None and key_id is None and len(keys) == 1:
            found = next(iter(keys.values()))
        if found is None:
            self._wanted.set()
            return None
        return found if found.algorithm == algorithm else None

    async def run(self) -> None:
        """Fetch the set for ever. One that cannot be fetched leaves what is known in force."""
        wait = 1.0
        while True:
            self._wanted.clear()
            try:
                self._keys = await self.fetch()
                metrics.KEY_FETCHES.labels("done").inc()
                wait = LEAST_SECONDS
            except (aiohttp.ClientError, TimeoutError, BadKeySet) as error:
                metrics.KEY_FETCHES.labels("failed").inc()
                log.warning("auth.keys_not_fetched", error=str(error) or type(error).__name__, retry_in_seconds=wait)
            await asyncio.sleep(wait)
            if self._keys is None:
                wait = min(wait * 2, LEAST_SECONDS)
                continue
            try:
                async with asyncio.timeout(REFRESH_SECONDS - LEAST_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                continue  # its time has come all the same

    async def fetch(self) -> Mapping[str | None, Key]:
        """The usable keys of the set, by their ids. Raises aiohttp.ClientError, TimeoutError, BadKeySet."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as response:
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise BadKeySet(f"longer than {MOST_BYTES} bytes")
        return keys_in(bytes(body))
