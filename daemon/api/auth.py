"""Who a caller is: a JSON Web Token (RFC 7519) signed with HS256 (RFC 7518, 3.2).

Errors are the hub's own, so that both ways in say the same: see ``dispatchers.websocket.contract``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from config.settings import Auth
from dispatchers.websocket import CannotAuthenticate, TokenExpired, Unauthenticated

ALGORITHM = "HS256"
LONGEST_USER_ID_CHARACTERS = 256
NO_KEY = "nobody can be recognised: auth.secret is not set"


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
        self._settings = settings
        self._leeway = timedelta(seconds=settings.leeway_seconds)

    @property
    def configured(self) -> bool:
        return self._settings.secret is not None

    def verify(self, token: str) -> Identity:
        """The identity in ``token``. Raises Unauthenticated, TokenExpired or CannotAuthenticate."""
        settings = self._settings
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(),
                algorithms=[ALGORITHM],
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
            raise Unauthenticated("the token is not valid") from None
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
        return jwt.encode(claims, self._key(), ALGORITHM)

    def _key(self) -> str:
        if self._settings.secret is None:
            raise CannotAuthenticate(NO_KEY)
        return self._settings.secret.get_secret_value()

    def _end(self, claims: dict[str, Any]) -> datetime:
        try:
            return datetime.fromtimestamp(int(claims["exp"]), UTC) + self._leeway
        except (OverflowError, ValueError, OSError):
            raise Unauthenticated("the token's exp is no moment") from None


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
