"""What Twilio answered, or called back with -> what it means for the delivery. Pure."""

from http import HTTPStatus

from config.names import Closed
from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.sms.codes import CODES, Meaning

_ACCOUNT_STATUSES = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,  # of the account: messages are created under it
        HTTPStatus.METHOD_NOT_ALLOWED,  # a base URL that is not Twilio's
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)
_TROUBLE_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


_OPEN_STATUSES = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
"""Whoever answers this had the request, and does not say how far it came (RFC 9110, 15.6): the message may be out."""


def outcome_of(status: int, code: int | None, after: float | None) -> Outcome:
    """The outcome of a refusal: HTTP ``status``, Twilio's ``code``, ``after`` from Retry-After."""
    return _outcome(_meaning(status, code), explain(status, code), str(code or status), after)


def outcome_of_status(status: str, code: int | None) -> Outcome | None:
    """What a status callback means for a text that Twilio had taken, or None where it says nothing final.

    ``status`` is the callback's MessageStatus
    (https://www.twilio.com/docs/messaging/api/message-resource#message-status-values), ``code`` its ErrorCode. ``sent``
    is :class:`Sent` as ``delivered`` and ``read`` are; the outcome's ``code`` says which. A text that was not delivered
    and that nobody says more about may go again: Twilio is sure that it did not arrive.
    """
    match status:
        case "sent" | "delivered" | "read":
            return Sent(code=status)
        case "canceled":
            return Rejected("cancelled at Twilio", code=status)
        case "failed" | "undelivered":
            if code is None:
                return Retry(f"{status}, without a reason", code=status, fault=Fault.RECIPIENT)
            # Not again for a reason that is not known: each text costs money, and perhaps the sender's reputation.
            meaning = CODES[code][0] if code in CODES else Meaning.MESSAGE
            return _outcome(meaning, f"{status}, code {code}: {_words(code)}", str(code), None)
        case _:
            return None  # accepted, scheduled, queued, sending, and what Twilio may add


def explain(status: int, code: int | None) -> str:
    """A line for the log and for a person, with neither number nor text in it."""
    if code is None or code == status:
        return f"HTTP {status}"
    return f"HTTP {status}, code {code}: {_words(code)}"


def _words(code: int) -> str:
    known = CODES.get(code)
    return known[1] if known else f"see https://www.twilio.com/docs/api/errors/{code}"


_FAULTS = {
    Meaning.SENDER: Fault.ROUTE,
    Meaning.LATER: Fault.RECIPIENT,
    Meaning.TROUBLE: Fault.PROVIDER,
    Meaning.LIMIT: Fault.LIMIT,
    Meaning.ACCOUNT: Fault.SETTINGS,
}
"""Of what may go later: whose doing it is."""


def _outcome(meaning: Meaning, error: str, code: str, after: float | None) -> Outcome:
    outcome: Outcome
    match meaning:
        case Meaning.ADDRESS:
            outcome = Rejected(error, suppress_address=True, code=code)
        case Meaning.STOPPED:
            outcome = Rejected(error, suppress_address=True, closed=Closed.STOP, code=code)
        case Meaning.MESSAGE:
            outcome = Rejected(error, code=code)
        case Meaning.ROUTE:
            outcome = Rejected(error, code=code, fault=Fault.ROUTE)
        case Meaning.OPEN:
            outcome = Unknown(error, code=code)
        case _:
            outcome = Retry(error, after, code=code, fault=_FAULTS[meaning])
    return outcome


def _meaning(status: int, code: int | None) -> Meaning:
    if status in _OPEN_STATUSES:
        meaning = Meaning.OPEN
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TROUBLE_STATUSES:
        meaning = Meaning.TROUBLE
    elif code in CODES:
        meaning = CODES[code][0]
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        meaning = Meaning.LIMIT
    elif status < HTTPStatus.BAD_REQUEST or status in _ACCOUNT_STATUSES:
        # A redirect is not Twilio's doing, but a wrong base URL's.
        meaning = Meaning.ACCOUNT
    else:
        meaning = Meaning.MESSAGE
    return meaning
