"""What is written of a mail that came back, and what is not believed."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from daemon.feedback.mail.taking import Taken, Taking
from tests.integration.feedback.conftest import Rows, SentDelivery
from tests.integration.feedback.mail.conftest import ADDRESS, ZOE, PathOf
from tests.unit.feedback.mail import mails
from tests.unit.feedback.mail.mails import crlf, postfix


def history(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows("SELECT state, error FROM orderbell.delivery_history ORDER BY id")]


def closed(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows("SELECT channel, address, reason FROM orderbell.suppression")]


def counted(kind: str) -> float:
    return REGISTRY.get_sample_value("orderbell_returned_mails_total", {"kind": kind}) or 0.0


def message_id(rows: Rows, id_: int) -> str:
    (row,) = rows("SELECT created_at FROM orderbell.notification WHERE id = %s", id_)
    return f"<orderbell.{id_}.{int(row['created_at'].timestamp()):x}@shop.example>"


def by_message_id(rows: Rows, id_: int, **changes: str) -> bytes:
    """A report that names no return path of ours."""
    mail = postfix(ADDRESS, **changes)
    return mail.replace(b"<orderbell.812.69a485a8@shop.example>", message_id(rows, id_).encode())


async def test_a_bounce_fails_the_delivery_and_closes_the_address(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "Zoe@Example.com")
    before = counted("bounce")
    assert await taking.take(postfix(path_of(id_, "Zoe@Example.com"))) is Taken.UNDERSTOOD
    assert history(rows) == [
        ("failed", "came back: 550 5.1.1 <address>: Recipient address rejected: User unknown"),
    ]
    assert closed(rows) == [("email", ZOE, "bounce")]
    assert counted("bounce") == before + 1


async def test_the_same_mail_twice_is_harmless(taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows) -> None:
    id_ = await sent("email", ZOE)
    for _ in range(2):
        assert await taking.take(postfix(path_of(id_))) is Taken.UNDERSTOOD
    assert len(history(rows)) == len(closed(rows)) == 1


@pytest.mark.parametrize(("status", "diagnostic"), [("5.7.1", "550 5.7.1 blocked"), ("4.4.7", "expired")])
async def test_what_is_not_the_addresss_fault_leaves_it_open(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows, status: str, diagnostic: str
) -> None:
    id_ = await sent("email", ZOE)
    await taking.take(postfix(path_of(id_), status=status, diagnostic=diagnostic))
    assert [state for state, _ in history(rows)] == ["failed"]
    assert closed(rows) == []


async def test_a_delay_is_no_news(taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows) -> None:
    id_ = await sent("email", ZOE)
    assert await taking.take(postfix(path_of(id_), action="delayed", status="4.4.1")) is Taken.UNDERSTOOD
    assert history(rows) == [("sent", None)]


async def test_a_confirmation_makes_it_delivered(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", ZOE)
    await taking.take(postfix(path_of(id_), action="delivered", status="2.0.0", diagnostic="250 ok"))
    assert history(rows) == [("delivered", None)]


async def test_a_forwarded_mail_that_came_back_counts_by_its_return_path(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "alias@elsewhere.example")
    await taking.take(postfix(path_of(id_, "alias@elsewhere.example")))
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]
    assert closed(rows) == [], "it may stand for several, of whom one has left"


async def test_one_of_several_that_an_address_stands_for_does_not_close_it(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "team@elsewhere.example")
    more = b"\r\n\r\nFinal-Recipient: rfc822; adam@example.com\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
    mail = postfix(path_of(id_, "team@elsewhere.example")).replace(
        b"User unknown\r\n\r\n--", b"User unknown" + more + b"\r\n--"
    )
    await taking.take(mail)
    assert closed(rows) == []


async def test_a_message_id_counts_where_the_address_is_named(taking: Taking, sent: SentDelivery, rows: Rows) -> None:
    id_ = await sent("email", ZOE)
    await taking.take(by_message_id(rows, id_))
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]
    assert closed(rows) == [], "whoever has had a mail can guess the ids around it"


async def test_an_address_may_be_written_in_ascii_or_not(taking: Taking, sent: SentDelivery, rows: Rows) -> None:
    id_ = await sent("email", "zoe@bücher.example")
    await taking.take(by_message_id(rows, id_).replace(b"zoe@example.com", b"zoe@xn--bcher-kva.example"))
    assert rows("SELECT state FROM orderbell.delivery_history") == [{"state": "failed"}]


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (b"zoe@example.com", b"adam@example.com"),
        (b"Final-Recipient: rfc822; zoe@example.com\r\nOriginal-Recipient: rfc822;zoe@example.com\r\n", b""),
        (b"@shop.example>\r\nReferences", b"@shop.test>\r\nReferences"),
    ],
    ids=["another address", "no address", "another domain"],
)
async def test_a_message_id_alone_is_not_believed(
    taking: Taking, sent: SentDelivery, rows: Rows, found: bytes, written: bytes
) -> None:
    id_ = await sent("email", ZOE)
    before = counted("not_matched")
    mail = by_message_id(rows, id_)
    assert found in mail
    assert await taking.take(mail.replace(found, written)) is Taken.UNDERSTOOD
    assert history(rows) == [("sent", None)]
    assert closed(rows) == []
    assert counted("not_matched") == before + 1


async def test_a_message_id_with_another_time_is_guessed(taking: Taking, sent: SentDelivery, rows: Rows) -> None:
    id_ = await sent("email", ZOE)
    mail = postfix(ADDRESS).replace(b"orderbell.812.", f"orderbell.{id_}.".encode())
    await taking.take(mail)
    assert closed(rows) == []


async def test_a_return_path_of_another_database_is_about_nobody(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", "adam@example.com")
    await taking.take(postfix(path_of(id_, ZOE)))
    assert history(rows) == [("sent", None)]
    assert closed(rows) == []


async def test_what_is_still_being_sent_is_looked_at_later(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", ZOE)
    rows(
        "WITH gone AS (DELETE FROM orderbell.delivery_history RETURNING *) INSERT INTO orderbell.delivery"
        " (id, notification_id, channel, address, recipient_name, locale, state, due_at, expires_at, attempt)"
        " SELECT id, notification_id, channel, address, '', 'en', 'sending', now(), now(), 1 FROM gone"
    )
    assert await taking.take(postfix(path_of(id_))) is Taken.LATER


def complaint(return_path: str = "", recipient: str = "redacted") -> bytes:
    return crlf(mails.COMPLAINT.format(feedback_type="abuse", return_path=return_path, recipient=recipient))


async def test_a_complaint_closes_the_address_and_not_the_delivery(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows
) -> None:
    id_ = await sent("email", ZOE)
    assert await taking.take(complaint(path_of(id_))) is Taken.UNDERSTOOD
    assert closed(rows) == [("email", ZOE, "complaint")]
    assert history(rows) == [("sent", None)]


async def test_a_complaint_without_a_return_path_must_name_the_address(
    taking: Taking, sent: SentDelivery, rows: Rows
) -> None:
    id_ = await sent("email", ZOE)
    real = message_id(rows, id_).encode()
    for recipient in ("redacted", "adam@example.com", ZOE):
        assert closed(rows) == []
        mail = complaint(recipient=recipient).replace(b"<orderbell.812.69a485a8@shop.example>", real)
        await taking.take(mail)
    assert closed(rows) == [("email", ZOE, "complaint")]


@pytest.mark.parametrize("mail", [mails.VACATION, mails.QMAIL], ids=["vacation", "qmail"])
async def test_what_is_not_understood_changes_nothing(
    taking: Taking, sent: SentDelivery, path_of: PathOf, rows: Rows, mail: str
) -> None:
    id_ = await sent("email", ZOE)
    before = counted("not_understood")
    assert await taking.take(crlf(mail.format(to=path_of(id_)))) is Taken.NOT_UNDERSTOOD
    assert history(rows) == [("sent", None)]
    assert counted("not_understood") == before + 1
