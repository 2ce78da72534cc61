"""What a mail that came back means. Pure, and total: whatever the bytes, it raises nothing.

Only what standards describe is understood: delivery status notifications (RFC 3464, in UTF-8 RFC 6533) and feedback
reports (RFC 5965). Bounces in a server's own words are left for people to read.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from daemon.feedback.mail.fields import Fields, address_in, after_type, first, groups_of, head_of
from daemon.feedback.mail.parts import Part, parts_of
from daemon.feedback.mail.references import Ours
from daemon.feedback.mail.status import Status
from daemon.feedback.mail.values import Kind, News, Reference

STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
COMPLAINT: Final = "message/feedback-report"
RETURNED: Final = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})

ACTIONS: Final = {
    "failed": Kind.BOUNCE,
    "delayed": Kind.DELAY,
    "relayed": Kind.DELAY,
    "expanded": Kind.DELAY,
    "delivered": Kind.DELIVERED,
}
"""RFC 3464 2.3.3."""
COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
"""Feedback types that ask for an end (RFC 5965 7.3); ``not-spam``, ``virus`` and ``auth-failure`` do not."""


def read(content: bytes, ours: Ours, envelope_recipients: Sequence[str] = ()) -> list[News]:
    """What the mail says, one entry for each recipient; empty where it is not understood."""
    parts = parts_of(content)
    status = next((part for part in parts if part.kind in STATUS), None)
    complaint = next((part for part in parts if part.kind == COMPLAINT), None)
    if status is None and complaint is None:
        return []
    about = next((head_of(part.content) for part in parts if part.kind in RETURNED), {})
    head = head_of(content)
    if complaint is not None:
        return list(_complaint(complaint, about, ours.of(head, about, envelope_recipients, complaint.content)))
    return list(_status(status, ours.of(head, about, envelope_recipients))) if status is not None else []


def _status(part: Part, reference: Reference) -> Iterator[News]:
    for group in groups_of(part.content):
        kind = ACTIONS.get(first(group, "action").partition(" ")[0].lower())
        if kind is None:
            continue  # the fields about the report as a whole, or what no standard knows
        recipients = _addresses(group, "original-recipient", "final-recipient")
        status = Status.of(first(group, "status"), after_type(first(group, "diagnostic-code")))
        bounced = kind is Kind.BOUNCE
        yield News(
            kind, reference, recipients, error=status.error if bounced else None, closes=bounced and status.is_address
        )


def _complaint(part: Part, about: Fields, reference: Reference) -> Iterator[News]:
    report = head_of(part.content)
    if first(report, "feedback-type").lower() in COMPLAINTS:
        recipients = _addresses(report, "original-rcpt-to", "removal-recipient") or _addresses(about, "to")
        yield News(Kind.COMPLAINT, reference, recipients, error=f"complaint: {first(report, 'feedback-type').lower()}")


def _addresses(fields: Fields, *names: str) -> tuple[str, ...]:
    found = (address_in(value) for name in names for value in fields.get(name, ()))
    return tuple(dict.fromkeys(address for address in found if address))
