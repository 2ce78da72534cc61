"""What every route is given: who calls, and the parts it works with."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from daemon.api.auth import Identity, Tokens
from daemon.api.costly import Costly
from daemon.api.inbox import Inbox, Listing, Putting, Statistics
from daemon.api.rate import Rates
from daemon.api.settings_store import SettingsStore
from daemon.api.subscriptions import Subscriptions
from daemon.api.unsubscribe_page import UnsubscribePage
from daemon.feedback.record import Feedback
from dispatchers.email.unsubscribe import Links
from dispatchers.sms.signature import Accounts
from dispatchers.websocket import Reading, Unauthenticated


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with."""

    tokens: Tokens
    rates: Rates
    costly: Costly
    inbox: Inbox
    listing: Listing
    putting: Putting
    statistics: Statistics
    reading: Reading
    settings: SettingsStore
    subscriptions: Subscriptions
    vapid_public_key: str | None
    feedback: Feedback
    twilio: Accounts
    help_text: str
    """What HELP is answered with; empty: nothing."""
    links: Links
    unsubscribe_page: UnsubscribePage


async def _parts(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)


WithParts = Annotated[Parts, Depends(_parts)]

_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="with sub and exp (RFC 7519), signed as `[auth]` says"
)


async def _caller(
    parts: WithParts, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Identity:
    """Raises Unauthenticated, TokenExpired, CannotAuthenticate, and TooMany for who asks too often."""
    if given is None and parts.tokens.configured:
        raise Unauthenticated("a bearer token is needed")
    caller = parts.tokens.verify(given.credentials if given else "")
    parts.rates.take(caller.user_id)
    return caller


Caller = Annotated[Identity, Depends(_caller)]
"""Every route that takes one is limited in how often one person may ask it."""
