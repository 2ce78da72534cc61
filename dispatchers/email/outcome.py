"""What an SMTP reply, or the lack of one, means for a delivery. Pure.

Two things decide: how far the transaction had come (a server can have taken the message only after the final dot), and
what the refusal is about (:mod:`dispatchers.email.meaning`).
"""

import re
from typing import Final, assert_never

from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.email.headers import one_line
from dispatchers.email.meaning import Meaning, meaning_of
from dispatchers.email.reply import Broken, Reply, Stage, cause_of, is_our_doing, without_addresses

ERROR_MAX: Final = 200
"""Characters of an error."""

_QUEUE_IDS: Final = (
    re.compile(r"queued as <?([\w.-]+)", re.IGNORECASE),  # Postfix, Amazon's relay, Mailgun
    re.compile(r"\bid=([\w-]+)", re.IGNORECASE),  # Exim
    re.compile(r"\bInternalId=(\d+)"),  # Exchange
    re.compile(r"\b([\w.-]+) Message accepted for delivery"),  # sendmail
    re.compile(r"^Ok ([0-9a-f]{16}-[\w-]+)$"),  # Amazon SES
)
_QUEUE_ID_WITHIN: Final = 1000
"""Characters from the end: a server may send 32 KiB."""


def of_reply(reply: Reply, *, message_id: str, provider: str) -> Outcome:
    """The outcome of a transaction that the server answered (RFC 5321 4.2, RFC 3463)."""
    if reply.code // 100 == 2 and reply.stage is Stage.CONTENT:
        return Sent(_queue_id(reply.text) or message_id, provider, reply.codes)
    error = one_line(f"{reply.stage.value}: {reply.code} {without_addresses(reply.text)}".rstrip(), ERROR_MAX)
    match reply.code // 100:
        case 4 | 5:
            return _of_refusal(meaning_of(reply), error, reply.codes, provider)
        case _ if reply.stage is Stage.CONTENT:
            return Unknown(error, provider, reply.codes)
        case _:
            return Retry(error, provider=provider, code=reply.codes)


def of_failure(failure: Broken, *, provider: str) -> Outcome:
    """The outcome of a transaction whose connection failed."""
    error = one_line(f"{failure.stage.value}: {cause_of(failure)}", ERROR_MAX)
    reply = failure.reply
    code = reply.codes if reply is not None else ""
    match failure.stage:
        case Stage.CONNECT | Stage.MAIL | Stage.RCPT | Stage.DATA:
            return Retry(error, provider=provider, code=code, fault=_fault_of(failure, reply))
        case Stage.CONTENT:
            return Unknown(error, provider, code)
        case _:
            assert_never(failure.stage)


def _of_refusal(meaning: Meaning, error: str, code: str, provider: str) -> Outcome:
    outcome: Outcome
    match meaning:
        case Meaning.ADDRESS:
            outcome = Rejected(error, suppress_address=True, provider=provider, code=code)
        case Meaning.MESSAGE:
            outcome = Rejected(error, provider=provider, code=code)
        case Meaning.ROUTE:
            outcome = Rejected(error, provider=provider, code=code, fault=Fault.ROUTE)
        case Meaning.LATER:
            outcome = Retry(error, provider=provider, code=code, fault=Fault.RECIPIENT)
        case Meaning.TROUBLE:
            outcome = Retry(error, provider=provider, code=code, fault=Fault.PROVIDER)
        case Meaning.LIMIT:
            outcome = Retry(error, provider=provider, code=code, fault=Fault.LIMIT)
        case Meaning.SETTINGS:
            outcome = Retry(error, provider=provider, code=code, fault=Fault.SETTINGS)
        case _:
            assert_never(meaning)
    return outcome


def _fault_of(failure: Broken, reply: Reply | None) -> Fault:
    """Whose doing it is that there is no connection."""
    if is_our_doing(failure):
        return Fault.SETTINGS
    match meaning_of(reply) if reply is not None else None:
        case Meaning.SETTINGS:
            return Fault.SETTINGS
        case Meaning.LIMIT:
            return Fault.LIMIT
        case _:
            return Fault.PROVIDER


def _queue_id(text: str) -> str | None:
    """What the server calls the message, where its kind of reply is known."""
    last_line = text[-_QUEUE_ID_WITHIN:].rpartition("\n")[2]
    for pattern in _QUEUE_IDS:
        if found := pattern.search(last_line):
            return found.group(1)[:128]
    return None
