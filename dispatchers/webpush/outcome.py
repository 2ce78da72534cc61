"""What a push service answered -> what it means for the delivery.

Sources: RFC 8030 (5, 7.3, 8.4), RFC 8292 (4.2), and what the large services answer: Mozilla's autopush
(https://mozilla-push-service.readthedocs.io/en/latest/http/ with its errno), Google's FCM
(https://firebase.google.com/docs/cloud-messaging/error-codes) and Apple
(https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers).

A refused token (401, 403) has two causes that need opposite answers:

- The subscription was made with another VAPID key. It is bound to that key for life (RFC 8292, 4.2), so no push
  will ever pass: the address is suppressed, and the browser subscribes anew, under a new endpoint, when it is next
  open.
- The token itself: the clock, the contact, a service's bad day. Nothing is wrong with the subscription, and
  suppressing everybody for a wrong setting would be a loss: tried again, until somebody has put it right.

Only the body tells them apart. A token that was refused counts against the service, and does not close it at once: the
next attempt carries a fresh one.
"""

from http import HTTPStatus

from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent

_ANOTHER_KEY = (
    "do not correspond to the credentials used to create",  # FCM
    "does not correspond to the sender id",  # FCM, subscriptions of its early days
    "vapid public key mismatch",  # autopush, errno 109
    "vapidpkhashmismatch",  # Apple
)

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_TOKEN_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def outcome_of(status: int, body: str, location: str | None, after: float | None) -> Outcome:
    """The outcome of an answer; ``location`` and ``after`` from its headers Location and Retry-After."""
    error, code = f"HTTP {status}", str(status)
    outcome: Outcome
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        outcome = Sent(provider_id=location, code=code)
    elif status in _GONE:
        outcome = Rejected(f"{error}: the subscription is gone", suppress_address=True, code=code)
    elif token_was_refused(status):
        outcome = _of_refused_token(error, body, code, after)
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        outcome = Retry(error, after, code=code, fault=Fault.LIMIT)
    elif status == HTTPStatus.NOT_ACCEPTABLE:
        # Windows: this channel is throttled, which is one device and not the service.
        outcome = Retry(error, after, code=code, fault=Fault.RECIPIENT)
    elif status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.BAD_REQUEST:
        # Below 400 is a redirect: not followed, but a service that moves is back in a while.
        outcome = Retry(error, after, code=code)
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        outcome = Rejected(f"{error}: too large for this push service", code=code)
    else:
        outcome = Rejected(error, code=code)
    return outcome


def token_was_refused(status: int) -> bool:
    """Whether a fresh token is worth signing before the next attempt."""
    return status in _TOKEN_REFUSED


def _of_refused_token(error: str, body: str, code: str, after: float | None) -> Outcome:
    said = body.lower()
    if any(words in said for words in _ANOTHER_KEY):
        error += ": the subscription was made with another VAPID key"
        return Rejected(error, suppress_address=True, code=code)
    error += ": the VAPID token was refused: check webpush.vapid_subject and the clock"
    return Retry(error, after, code=code)
