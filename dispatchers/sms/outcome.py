"""What Twilio answered -> what it means for the delivery.

Sources: the error dictionary, https://www.twilio.com/docs/api/errors (each code has its page there), and the
change of 10 July 2024 that split 21211, 21212, 21606 and 21614 into finer codes. Twilio says that codes may
be refined again, so a code that is not listed is judged by its HTTP status. Twilio's own messages quote the
recipient's number, so they are never repeated here.
"""

from enum import Enum, auto
from http import HTTPStatus
from typing import assert_never

from dispatchers.base import Outcome, Rejected, Retry, Unknown


class Meaning(Enum):
    """What an error says about."""

    ADDRESS = auto()
    """The number: never again."""
    MESSAGE = auto()
    """This message to this number: not again, but others may go."""
    LATER = auto()
    """The account, the sender or the moment: the message is kept until someone has put it right."""


CODES: dict[int, tuple[Meaning, str]] = {
    20003: (Meaning.LATER, "the account SID or the auth token is wrong"),
    20005: (Meaning.LATER, "the account is not active"),
    20404: (Meaning.LATER, "the account or the base URL is wrong"),
    20429: (Meaning.LATER, "too many requests"),
    21211: (Meaning.ADDRESS, "not a valid phone number"),
    21212: (Meaning.LATER, "the sender is not a valid number"),
    21217: (Meaning.ADDRESS, "not a valid phone number"),
    21266: (Meaning.ADDRESS, "the number is the sender's own"),
    21408: (
        Meaning.MESSAGE,
        "the account may not text this region: enable it under Messaging, Geo permissions",
    ),
    21601: (Meaning.LATER, "the sender cannot send SMS"),
    21602: (Meaning.MESSAGE, "the text is empty"),
    21603: (Meaning.LATER, "no sender: set from_number or messaging_service_sid"),
    21606: (Meaning.LATER, "the sender cannot be used by this account or for this destination"),
    21608: (Meaning.MESSAGE, "a trial account texts verified numbers only"),
    21610: (Meaning.ADDRESS, "the recipient has opted out (STOP)"),
    21611: (Meaning.LATER, "the sender's queue is full"),
    21612: (Meaning.MESSAGE, "there is no route from this sender to this number"),
    21614: (Meaning.ADDRESS, "not a mobile number"),
    21617: (Meaning.MESSAGE, "the text is longer than 1,600 characters"),
    21619: (Meaning.MESSAGE, "the text is empty"),
    21635: (Meaning.ADDRESS, "a landline cannot be texted"),
    21659: (Meaning.LATER, "the sender is not a Twilio number"),
    21660: (Meaning.LATER, "the sender belongs to another account"),
    21661: (Meaning.LATER, "the sender cannot send SMS"),
    21701: (Meaning.LATER, "the messaging service does not exist"),
    21703: (Meaning.LATER, "the messaging service has no sender"),
    21704: (Meaning.LATER, "the messaging service has no sender"),
    30001: (Meaning.LATER, "queue overflow"),
    30002: (Meaning.LATER, "the account is suspended"),
    30003: (Meaning.LATER, "the handset is switched off or out of reach"),
    30004: (Meaning.MESSAGE, "blocked by the recipient or the carrier"),
    30005: (Meaning.ADDRESS, "the number does not exist any more"),
    30006: (Meaning.ADDRESS, "a landline, or a carrier that cannot be reached"),
    30007: (Meaning.MESSAGE, "filtered by the carrier"),
    30008: (Meaning.LATER, "the carrier gave no reason"),
    30034: (Meaning.LATER, "the sender is not registered for A2P 10DLC"),
    63038: (Meaning.LATER, "the account's daily limit is reached"),
}

_LATER_STATUSES = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,  # of the account: messages are created under it
        HTTPStatus.METHOD_NOT_ALLOWED,  # a base URL that is not Twilio's
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def outcome_of(status: int, code: int | None, after: float | None) -> Outcome:
    """The outcome of a refusal: HTTP ``status``, Twilio's ``code``, ``after`` from Retry-After."""
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        # A gateway passed the request on and heard nothing (RFC 9110, 15.6.5): the message may be on its way.
        return Unknown(error=explain(status, code))
    meaning = _meaning(status, code)
    match meaning:
        case Meaning.ADDRESS:
            return Rejected(error=explain(status, code), suppress_address=True)
        case Meaning.MESSAGE:
            return Rejected(error=explain(status, code))
        case Meaning.LATER:
            return Retry(error=explain(status, code), after=after)
        case _:
            assert_never(meaning)


def explain(status: int, code: int | None) -> str:
    """A line for the log and for a person, with neither number nor text in it."""
    if code is None or code == status:
        return f"HTTP {status}"
    known = CODES.get(code)
    said = known[1] if known else f"see https://www.twilio.com/docs/api/errors/{code}"
    return f"HTTP {status}, code {code}: {said}"


def _meaning(status: int, code: int | None) -> Meaning:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Meaning.LATER
    if code in CODES:
        return CODES[code][0]
    # A redirect is not Twilio's doing, but a wrong base URL's.
    return Meaning.LATER if status < HTTPStatus.BAD_REQUEST or status in _LATER_STATUSES else Meaning.MESSAGE
