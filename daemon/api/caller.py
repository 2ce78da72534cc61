"""What every route is given: who calls, and the parts it works with."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from daemon.api.auth import Identity, Tokens
from daemon.api.inbox import Inbox
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
    inbox: Inbox
    reading: Reading
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

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="HS256, with sub and exp (RFC 7519)")


async def _caller(
    parts: WithParts, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Identity:
    if given is None and parts.tokens.configured:
        raise Unauthenticated("a bearer token is needed")
    return parts.tokens.verify(given.credentials if given else "")


Caller = Annotated[Identity, Depends(_caller)]
