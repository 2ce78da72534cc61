"""What Twilio calls back with, as a report. Pure."""

from daemon.feedback.values import Report
from dispatchers.base import Rejected, Retry, Sent
from dispatchers.sms.outcome import outcome_of_status

SENT = "sent"
"""A carrier has it: no news, for it was written as sent when Twilio took it."""


def report_of(sid: str, status: str, code: int | None) -> Report | None:
    """What is to be written about the text ``sid``, or None for what is not final, or not certain.

    ``status`` is Twilio's MessageStatus, ``code`` its ErrorCode.
    """
    match outcome_of_status(status, code):
        case Sent(code=said) if said != SENT:
            return Report("sms", "delivered", sid)
        case Rejected() as outcome:
            closed = outcome.closed if outcome.suppress_address else None
            return Report("sms", "failed", sid, error=outcome.error, closed=closed)
        case Retry() as outcome:
            return Report("sms", "failed", sid, error=outcome.error, again=True)
        case _:
            return None
