"""Whether a mail that came back is about one of ours, and about whom. Pure.

A return path that we have signed is believed. A Message-ID can be written by anybody, so it counts only where the
report names the address that the mail went to, and the moment in the id is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from daemon.feedback.mail.values import Kind, News
from dispatchers.email.address import BadAddress, read_mailbox
from dispatchers.email.returning import ReturnPaths


@dataclass(frozen=True, slots=True)
class Written:
    """A delivery, as the database has it."""

    id: int
    address: str
    born: int | None
    """Unix time, in whole seconds; None where its notification is gone."""
    finished: bool
    """In the history. Another is still being written down."""


def match(
    news: Sequence[News], written: Sequence[Written], return_paths: ReturnPaths | None
) -> tuple[News, Written] | None:
    """What is said of which delivery, or None where it is about none."""
    reference = news[0].reference
    by_id = {one.id: one for one in written}
    for returned in reference.returned:
        one = by_id.get(returned.delivery_id)
        if one is not None and return_paths is not None and return_paths.went_to(returned, one.address):
            return _about(news, one.address) or _about_others(news), one
    for sent in reference.sent:
        one = by_id.get(sent.delivery_id)
        if one is not None and one.born == sent.born:
            named = _about(news, one.address)
            if named is not None:
                # Anybody who has had a mail of ours can guess the ids around it: that closes nobody's address.
                return replace(named, closes=False), one
    return None


def same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses are the same, however they write the domain; servers that tell A from a are not known."""
    return _plain(one) == _plain(other)


def _about(news: Sequence[News], address: str) -> News | None:
    """What is said of this address, first of all that it failed."""
    named = [one for one in news if any(same_mailbox(said, address) for said in one.recipients)]
    return _gravest(named) if named else None


def _about_others(news: Sequence[News]) -> News:
    """Where another address is named, ours forwards to it, perhaps to several: that one fails says little of ours."""
    return replace(_gravest(news), closes=False)


def _gravest(news: Sequence[News]) -> News:
    return next((one for one in news if one.kind is Kind.BOUNCE), news[0])


def _plain(address: str) -> str:
    try:
        return str(read_mailbox(address)).lower()
    except BadAddress:
        return address.strip().lower()
