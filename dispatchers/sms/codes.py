"""Twilio's error codes, and what each means for a text.

Source: the error dictionary, https://www.twilio.com/docs/api/errors (each code has its page there), and the change of
10 July 2024 that split 21211, 21212, 21606 and 21614 into finer codes. Twilio says that codes may be refined again, so
a code that is not listed is judged by its HTTP status. Twilio's own messages quote the recipient's number, so they are
never repeated: the words here are ours.
"""

from enum import Enum, auto


class Meaning(Enum):
    """What an error says about."""

    ADDRESS = auto()
    """The number: never again."""
    STOPPED = auto()
    """The recipient wants no texts: never again, unless they say START."""
    MESSAGE = auto()
    """This message to this number: not again, but others may go."""
    ROUTE = auto()
    """This account does not text this number: not again here, but another may."""
    SENDER = auto()
    """The sender does not fit this destination: kept until someone has put it right, and another may text it."""
    LATER = auto()
    """The handset or the moment: may go later."""
    TROUBLE = auto()
    """Twilio, or the way to it."""
    LIMIT = auto()
    """We ask too much of Twilio or of the sender."""
    ACCOUNT = auto()
    """The account or its settings: nothing goes until someone has put it right."""
    OPEN = auto()
    """Perhaps it was sent, perhaps not."""


_NO_SENDER = "the messaging service has no sender"
_VALIDITY = "the validity period is out of range"
_UNREGISTERED = "the sender is not registered for A2P 10DLC"
_ATTENTION = "look into the wording and the sender's registration: others will be filtered too"

CODES: dict[int, tuple[Meaning, str]] = {
    14107: (Meaning.LATER, "too many texts to this number within half a minute"),
    20003: (Meaning.ACCOUNT, "the account SID or the auth token is wrong"),
    20005: (Meaning.ACCOUNT, "the account is not active"),
    20404: (Meaning.ACCOUNT, "the account or the base URL is wrong"),
    20429: (Meaning.LIMIT, "too many requests"),
    21211: (Meaning.ADDRESS, "not a valid phone number"),
    21212: (Meaning.ACCOUNT, "the sender is not a valid number"),
    21217: (Meaning.ADDRESS, "not a valid phone number"),
    21265: (Meaning.ADDRESS, "a short code cannot be texted"),
    21266: (Meaning.ADDRESS, "the number is the sender's own"),
    21408: (Meaning.ROUTE, "the account may not text this region: enable it under Messaging, Geo permissions"),
    21601: (Meaning.ACCOUNT, "the sender cannot send SMS"),
    21602: (Meaning.MESSAGE, "the text is empty"),
    21603: (Meaning.ACCOUNT, "no sender: set from_number or messaging_service_sid"),
    21604: (Meaning.ADDRESS, "no number"),
    21606: (Meaning.SENDER, "the sender cannot be used by this account or for this destination"),
    21608: (Meaning.ROUTE, "a trial account texts verified numbers only"),
    21609: (Meaning.ACCOUNT, "http.public_url is not one that Twilio reports to: a public name, without _"),
    21610: (Meaning.STOPPED, "the recipient has opted out (STOP)"),
    21611: (Meaning.LIMIT, "the sender's queue is full"),
    21612: (Meaning.ROUTE, "there is no route from this sender to this number"),
    21614: (Meaning.ADDRESS, "not a mobile number"),
    21617: (Meaning.MESSAGE, "the text is longer than 1,600 characters"),
    21619: (Meaning.MESSAGE, "the text is empty"),
    21624: (Meaning.MESSAGE, _VALIDITY),
    21635: (Meaning.ADDRESS, "a landline cannot be texted"),
    21659: (Meaning.ACCOUNT, "the sender is not a Twilio number"),
    21660: (Meaning.ACCOUNT, "the sender belongs to another account"),
    21661: (Meaning.ACCOUNT, "the sender cannot send SMS"),
    21701: (Meaning.ACCOUNT, "the messaging service does not exist"),
    21703: (Meaning.ACCOUNT, _NO_SENDER),
    21704: (Meaning.ACCOUNT, _NO_SENDER),
    # From here on most come with a status callback, after the message was taken.
    30001: (Meaning.LIMIT, "queue overflow"),
    30002: (Meaning.ACCOUNT, "the account is suspended"),
    30003: (Meaning.LATER, "the handset is switched off or out of reach"),
    # Not the address: a carrier, a country's rules, a setting of the phone. Who wants no texts says STOP (21610).
    30004: (Meaning.MESSAGE, "blocked by the recipient or the carrier"),
    30005: (Meaning.ADDRESS, "the number does not exist any more"),
    30006: (Meaning.ADDRESS, "a landline, or a carrier that cannot be reached"),
    30007: (Meaning.MESSAGE, f"filtered by Twilio or the carrier: {_ATTENTION}"),
    30008: (Meaning.LATER, "the carrier gave no reason"),
    30010: (Meaning.MESSAGE, "dearer than the price that is allowed"),
    30021: (Meaning.TROUBLE, "an error within Twilio"),
    30022: (Meaning.LIMIT, "the carriers' rate limit for the campaign"),
    30034: (Meaning.SENDER, _UNREGISTERED),
    30036: (Meaning.MESSAGE, "it waited longer than its validity period"),
    30045: (Meaning.MESSAGE, _VALIDITY),
    30410: (
        Meaning.OPEN,
        "the carrier did not answer in time: it may have been sent",
    ),
    30500: (Meaning.TROUBLE, "an error within Twilio"),
    63017: (Meaning.LIMIT, "the account's rate limit is reached"),
    63038: (Meaning.LIMIT, "the account's daily limit is reached"),
    90007: (Meaning.MESSAGE, _VALIDITY),
}
