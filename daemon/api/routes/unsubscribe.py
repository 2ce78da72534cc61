"""Where unsubscribe links lead. Who holds the link is known by it: no token besides, no cookie.

To look changes nothing, for scanners follow every link in a mail. RFC 8058 posts, and so do the buttons of the page.
"""

from typing import Literal, assert_never

import structlog
from fastapi import APIRouter, Request, Response

from config.names import Closed
from daemon import metrics
from daemon.api.caller import WithParts
from daemon.api.form import read_form
from daemon.api.multipart import is_multipart, read_multipart
from daemon.api.problems import AWAY
from daemon.api.unsubscribe_page import Says
from daemon.feedback.record import Feedback
from dispatchers.email.unsubscribe import PREFIX, BadToken, Subscription

log = structlog.get_logger(__name__)

CHANNEL = "email"
ONE_CLICK = ("List-Unsubscribe", "One-Click")
Choice = Literal[Says.CATEGORY, Says.ALL, Says.UNDO]
CHOICES: dict[tuple[str, str], Choice] = {
    ONE_CLICK: Says.CATEGORY,
    ("choice", "category"): Says.CATEGORY,
    ("choice", "all"): Says.ALL,
    ("choice", "undo"): Says.UNDO,
}

router = APIRouter(prefix=PREFIX, include_in_schema=False)


def begin_series() -> None:
    """Have every series of these routes in the metrics from the start, so that a first time is seen as a rise."""
    metrics.FEEDBACK_REFUSED.labels("unsubscribe", "token")
    metrics.ADDRESSES_CLOSED.labels(CHANNEL, Closed.UNSUBSCRIBE)


@router.api_route("/{token:path}", methods=["GET", "HEAD"])
async def show(token: str, parts: WithParts) -> Response:
    """What can be unsubscribed from."""
    try:
        return parts.unsubscribe_page(Says.ASK, parts.links.read(token))
    except BadToken:
        metrics.FEEDBACK_REFUSED.labels("unsubscribe", "token").inc()
        return parts.unsubscribe_page(Says.UNKNOWN)


@router.post("/{token:path}")
async def unsubscribe(token: str, request: Request, parts: WithParts) -> Response:
    """Do it, as often as one likes. 200 once it is written, 400 for a form that asks for nothing, 404, 503."""
    try:
        subscription = parts.links.read(token)
    except BadToken:
        metrics.FEEDBACK_REFUSED.labels("unsubscribe", "token").inc()
        return parts.unsubscribe_page(Says.UNKNOWN)
    fields = await (read_multipart(request) if is_multipart(request) else read_form(request))
    choice = next((CHOICES[field] for field in fields if field in CHOICES), None)
    if choice is None:
        return parts.unsubscribe_page(Says.UNCLEAR)
    try:
        await _write(choice, subscription, parts.feedback)
    except AWAY as error:
        log.warning("mail.not_unsubscribed", error=type(error).__name__)
        return parts.unsubscribe_page(Says.AWAY)
    log.info("mail.unsubscribed", choice=choice.value, one_click=ONE_CLICK in fields)
    return parts.unsubscribe_page(choice, subscription)


async def _write(choice: Choice, subscription: Subscription, feedback: Feedback) -> None:
    user_id, address, category = subscription.user_id, subscription.address, subscription.category
    match choice:
        case Says.CATEGORY:
            await feedback.prefer(user_id, category, CHANNEL, enabled=False)
        case Says.ALL:
            await feedback.close(CHANNEL, address, Closed.UNSUBSCRIBE)
        case Says.UNDO:
            await feedback.prefer(user_id, category, CHANNEL, enabled=True)
            await feedback.open(CHANNEL, address, {Closed.UNSUBSCRIBE})
        case _:
            assert_never(choice)
