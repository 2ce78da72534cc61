"""Who a caller is: a JSON Web Token (RFC 7519), signed with a secret that is shared or by a key of the application's.

Errors are the hub's own, so that both ways in say the same: see ``dispatchers.websocket.contract``.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jwt

from config.settings import Auth
from daemon.api.keys import Key, KeySet, key_in_file
from dispatchers.websocket import CannotAuthenticate, TokenExpired, Unauthenticated

SHARED = "HS256"
"""The algorithm of ``auth.secret`` (RFC 7518, 3.2)."""
LONGEST_USER_ID_CHARACTERS = 256
NO_KEY = "nobody can be recognised: neither auth.secret nor auth.public_key_file nor auth.jwks_url is set"
CANNOT_MINT = "no token can be made: auth.secret is not set"
NOT_FETCHED = "nobody can be recognised yet: the keys at auth.jwks_url could not be fetched"
INVALID = "the token is not valid"
LONGEST_REMEMBERED_CHARACTERS = 512
"""Of a token's header; those of one issuer are all the same."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token says its bearer is."""

    user_id: str
    roles: frozenset[str]
    expires_at: datetime
    """The token is not accepted from then on; the forgiven clock difference is in it."""


class Tokens:
    """Judges tokens, and makes them for ``orderbell token`` and the demo."""

    def __init__(self, settings: Auth) -> None:
        """Raises BadKeyFile."""
        self._settings = settings
        self._leeway = timedelta(seconds=settings.leeway_seconds)
        self._file = key_in_file(settings.public_key_file) if settings.public_key_file else None
        self._set = KeySet(settings.jwks_url) if settings.jwks_url else None

    @property
    def configured(self) -> bool:
        return self._settings.secret is not None or self._file is not None or self._set is not None

    async def run(self) -> None:
        """Keep the keys fresh, for ever."""
        if self._set is not None:
            await self._set.run()
        await asyncio.Event().wait()

    def verify(self, token: str) -> Identity:
        """The identity in ``token``. Raises Unauthenticated, TokenExpired or CannotAuthenticate."""
        settings = self._settings
        if not self.configured:
            raise CannotAuthenticate(NO_KEY)
        try:
            key = self._key(_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=self._leeway,
                options={"require": ["sub", "exp"], "verify_aud": settings.audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired("the token has expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"the token has no {error.claim}") from None
        except jwt.InvalidAudienceError:
            raise Unauthenticated("the token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise Unauthenticated("the token is of another issuer") from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated(INVALID) from None
        return Identity(_user_id(claims), _roles(claims), self._end(claims))

    def mint(
        self,
        user_id: str,
        *,
        lifetime: timedelta = timedelta(hours=1),
        roles: frozenset[str] = frozenset(),
        now: datetime | None = None,
    ) -> str:
        """A token for ``user_id`` that :meth:`verify` accepts. Raises CannotAuthenticate without a key."""
        issued_at = now or datetime.now(UTC)
        claims: dict[str, Any] = {"sub": user_id, "iat": issued_at, "exp": issued_at + lifetime}
        optional = {"roles": sorted(roles), "aud": self._settings.audience, "iss": self._settings.issuer}
        claims |= {name: value for name, value in optional.items() if value}
        if self._settings.secret is None:
            raise CannotAuthenticate(CANNOT_MINT)
        return jwt.encode(claims, self._settings.secret.get_secret_value(), SHARED)

    def _key(self, header: Mapping[str, Any]) -> Key:
        """The key that this token may be signed with. Raises Unauthenticated, CannotAuthenticate."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm == SHARED and self._settings.secret is not None:
            return Key(SHARED, self._settings.secret.get_secret_value())
        if self._file is not None and algorithm == self._file.algorithm:
            return self._file
        if self._set is not None and isinstance(algorithm, str):
            found = self._set.find(key_id if isinstance(key_id, str) else None, algorithm)
            if found is not None:
                return found
            if not self._set.fetched:
                raise CannotAuthenticate(NOT_FETCHED)
        raise Unauthenticated(INVALID)

    def _end(self, claims: dict[str, Any]) -> datetime:
        try:
            return datetime.fromtimestamp(int(claims["exp"]), UTC) + self._leeway
        except (OverflowError, ValueError, OSError):
            raise Unauthenticated("the token's exp is no moment") from None


def _header(token: str) -> Mapping[str, Any]:
    """What a token says of itself. Raises jwt.InvalidTokenError."""
    header = token.partition(".")[0]
    if len(header) > LONGEST_REMEMBERED_CHARACTERS:
        return jwt.get_unverified_header(token)
    return _header_alone(header)


@lru_cache(maxsize=64)
def _header_alone(header: str) -> Mapping[str, Any]:
    # The other parts are looked at when the signature is verified.
    return MappingProxyType(jwt.get_unverified_header(f"{header}.."))


def _user_id(claims: dict[str, Any]) -> str:
    user_id: str = claims["sub"]
    # A database text holds neither NUL nor a lone surrogate, and nobody's id has a line break in it.
    if not 0 < len(user_id) <= LONGEST_USER_ID_CHARACTERS or not user_id.isprintable():
        raise Unauthenticated("the token's sub is no user id")
    return user_id


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Unauthenticated("the token's roles are no list of strings")
    return frozenset(roles)
