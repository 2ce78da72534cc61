"""What mails say that come back, in the shapes of real servers, and in none."""

import random
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.feedback.mail.reading import read
from daemon.feedback.mail.references import Ours
from daemon.feedback.mail.values import Kind, News, Reference, Sent
from dispatchers.email.returning import Returned, ReturnPaths
from tests.deliveries import delivery
from tests.unit.feedback.mail import mails
from tests.unit.feedback.mail.mails import crlf, postfix

PATHS = ReturnPaths("bounces@shop.example", "a secret of at least thirty-two bytes")
OURS = Ours(PATHS, "shop.example")
PATH = str(PATHS.of(delivery(id=812, address="zoe@example.com")))
BY_ID = Reference(sent=(Sent(812, 0x69A485A8),))


def returned() -> Returned:
    found = PATHS.read(PATH)
    assert found is not None
    return found


RETURNED = returned()


def only(news: list[News]) -> News:
    assert len(news) == 1
    return news[0]


def test_postfix_says_that_the_mailbox_does_not_exist() -> None:
    news = only(read(postfix(PATH), OURS))
    assert news.kind is Kind.BOUNCE
    assert news.closes
    assert news.recipients == ("zoe@example.com",)
    assert news.error == "came back: 550 5.1.1 <address>: Recipient address rejected: User unknown"
    assert news.reference == Reference((RETURNED,), (Sent(812, 0x69A485A8),))


def test_exchange_says_so_too() -> None:
    news = only(read(crlf(mails.EXCHANGE.format(to=PATH)), OURS))
    assert (news.kind, news.closes, news.recipients) == (Kind.BOUNCE, True, ("zoe@example.com",))
    assert news.reference.returned == (RETURNED,)
    assert news.error is not None
    assert "@" not in news.error


def test_gmail_says_so_too() -> None:
    news = only(read(crlf(mails.GMAIL.format(to=PATH)), OURS))
    assert (news.kind, news.closes) == (Kind.BOUNCE, True)
    assert news.reference.returned == (RETURNED,)


def test_amazon_gave_up_and_has_a_message_id_of_its_own() -> None:
    news = only(read(crlf(mails.SES.format(to=PATH)), OURS))
    assert (news.kind, news.closes) == (Kind.BOUNCE, False)
    assert news.error == (
        "came back: 554 4.4.7 Message expired: unable to deliver in 840 minutes."
        "<421 4.4.1 Unable to connect to remote host>"
    )
    assert news.reference == Reference((RETURNED,), ())


@pytest.mark.parametrize(
    ("recipient", "named"),
    [
        ("utf-8;zoë@bücher.example", "zoë@bücher.example"),
        (r"utf-8;zo\x{EB}@b\x{FC}cher.example", "zoë@bücher.example"),
        (r"utf-8;zo\x{D800}@example.com", "zo\ufffd@example.com"),
        (r"utf-8;zo\x{FFFFFF}@example.com", "zo\ufffd@example.com"),
    ],
)
def test_addresses_may_be_in_utf_8_and_reports_in_base64(recipient: str, named: str) -> None:
    part = f"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    mail = mails.UTF_8.format(to="bounces@shop.example", status_part=b64encode(part.encode()).decode())
    news = only(read(crlf(mail), OURS))
    assert news.recipients == (named,)
    assert news.closes
    assert news.reference == BY_ID


@pytest.mark.parametrize(
    ("status", "diagnostic", "closes"),
    [
        ("5.1.1", "550 5.1.1 user unknown", True),
        ("5.1.2", "550 5.1.2 no such domain", True),
        ("5.1.10", "556 5.1.10 null MX", True),
        ("5.0.0", "550 5.1.1 user unknown", True),
        ("5.1.1", "", True),
        ("5.0.0", "550 no thanks", False),
        ("5.7.1", "550 5.7.1 blocked by policy", False),
        ("5.7.1", "550 5.1.1 the status says more than the text", False),
        ("5.6.0", "554 5.6.0 content rejected", False),
        ("5.2.2", "552 5.2.2 mailbox full", False),
        ("5.1.8", "550 5.1.8 bad sender", False),
        ("5.4.4", "", False),
        ("4.4.1", "connection timed out", False),
        ("4.1.1", "450 4.1.1 greylisted", False),
        ("4.0.0", "550 5.1.1 of another class", False),
        ("nonsense", "nonsense", False),
        ("", "", False),
    ],
)
def test_only_a_code_about_the_address_closes_it(status: str, diagnostic: str, closes: bool) -> None:  # noqa: FBT001 - a column
    news = only(read(postfix(status=status, diagnostic=diagnostic), OURS))
    assert news.kind is Kind.BOUNCE
    assert news.closes is closes


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", Kind.BOUNCE),
        ("FAILED", Kind.BOUNCE),
        ("failed (bad destination mailbox)", Kind.BOUNCE),
        ("delayed", Kind.DELAY),
        ("relayed", Kind.DELAY),
        ("expanded", Kind.DELAY),
        ("delivered", Kind.DELIVERED),
    ],
)
def test_the_action_decides(action: str, kind: Kind) -> None:
    assert only(read(postfix(action=action), OURS)).kind is kind


def test_an_action_that_no_standard_knows_is_not_understood() -> None:
    assert read(postfix(action="exploded"), OURS) == []


def test_each_recipient_is_an_entry() -> None:
    more = b"\r\n\r\nFinal-Recipient: rfc822; adam@example.com\r\nAction: delivered\r\nStatus: 2.0.0\r\n"
    mail = postfix().replace(b"User unknown\r\n\r\n--", b"User unknown" + more + b"\r\n--")
    assert [(one.kind, one.recipients) for one in read(mail, OURS)] == [
        (Kind.BOUNCE, ("zoe@example.com",)),
        (Kind.DELIVERED, ("adam@example.com",)),
    ]


def test_the_envelope_names_it_where_no_field_does() -> None:
    assert only(read(postfix(), OURS, [PATH.upper()])).reference.returned == (RETURNED,)


def test_a_token_that_is_not_ours_is_nothing() -> None:
    news = only(read(postfix("bounces+aaaaaaaaaaaaaaaaaaaaaaa@shop.example"), OURS))
    assert news.reference == BY_ID


def test_a_message_id_of_another_domain_is_nothing() -> None:
    mail = postfix().replace(b"69a485a8@shop.example", b"69a485a8@shop.test")
    assert only(read(mail, OURS)).reference == Reference()


def test_the_root_of_a_thread_is_not_taken_for_a_message_id() -> None:
    mail = postfix().replace(b"orderbell.812.69a485a8", b"something.else")
    assert only(read(mail, OURS)).reference == Reference()


@pytest.mark.parametrize("kind", ["abuse", "fraud", "Opt-Out"])
def test_a_complaint_is_one(kind: str) -> None:
    mail = mails.COMPLAINT.format(feedback_type=kind, return_path=PATH, recipient="zoe@example.com")
    news = only(read(crlf(mail), OURS))
    assert news.kind is Kind.COMPLAINT
    assert news.recipients == ("zoe@example.com",)
    assert news.reference == Reference((RETURNED,), (Sent(812, 0x69A485A8),))


@pytest.mark.parametrize("kind", ["not-spam", "virus", "auth-failure", "other", ""])
def test_other_feedback_is_for_a_person_to_read(kind: str) -> None:
    mail = mails.COMPLAINT.format(feedback_type=kind, return_path=PATH, recipient="zoe@example.com")
    assert read(crlf(mail), OURS) == []


def test_a_redacted_complaint_is_known_by_the_return_path() -> None:
    mail = mails.COMPLAINT.format(feedback_type="abuse", return_path=PATH, recipient="redacted")
    assert only(read(crlf(mail), OURS)).reference.returned == (RETURNED,)


@pytest.mark.parametrize("mail", [mails.VACATION, mails.QMAIL], ids=["vacation", "qmail"])
def test_what_is_no_report_is_not_understood(mail: str) -> None:
    assert read(crlf(mail.format(to=PATH)), OURS) == []


def test_a_report_within_a_forwarded_mail_is_not_ours_to_judge() -> None:
    head = b"From: eve@example.com\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
    mail = head + b"Content-Type: message/rfc822\r\n\r\n" + postfix(PATH) + b"\r\n--outer--\r\n"
    assert read(mail, OURS) == []


def test_a_report_with_a_footer_of_a_gateway_around_it_is_understood() -> None:
    inner = postfix(PATH).partition(b"MIME-Version: 1.0\r\n")[2]
    head = b"From: x@example.com\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
    mail = head + inner + b"\r\n--outer\r\nContent-Type: text/plain\r\n\r\nScanned.\r\n--outer--\r\n"
    assert only(read(mail, OURS)).closes


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_both_kinds_of_lines_are_read(newline: bytes) -> None:
    assert only(read(postfix(PATH).replace(b"\r\n", newline), OURS)).closes


def test_whatever_is_cut_off_raises_nothing() -> None:
    whole = postfix(PATH)
    for end in range(0, len(whole), 7):
        for news in read(whole[:end], OURS):
            assert news.kind is Kind.BOUNCE


def test_a_megabyte_of_garbage_is_not_understood() -> None:
    assert read(random.Random(1).randbytes(2**20), OURS) == []


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nested": lambda: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(20_000)
    ),
    "nested under one name": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 20_000,
    "parameters": lambda: b"Content-Type: multipart/report" + b";a=b" * 250_000 + b"\r\n\r\n",
    "folds": lambda: b"Content-Type: multipart/report;\r\n" + b" \r\n" * 250_000,
    "fields": lambda: b"a: b\r\n" * 150_000,
    "colons": lambda: b":" * 2**20,
    "blank lines": lambda: b"\n \t" * 300_000,
    "quotes": lambda: b'Content-Type: multipart/report; boundary="' + b'\\"' * 500_000,
    "addresses": lambda: postfix("a@b, " * 200_000),
    "brackets": lambda: postfix("<" * 2**20),
    "comments": lambda: postfix("(" * 2**20),
    "references": lambda: b"References: " + b"<orderbell.1.1@shop.example> " * 30_000 + postfix(),
    "numbers": lambda: postfix(status="5." * 500_000, diagnostic="5." * 500_000),
    "parts": lambda: b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
    "base64": lambda: (
        b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"A" * 2**20
    ),
    "uuencode": lambda: (
        b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: x-uue\r\n\r\n" + b"A" * 2**20
    ),
    "groups": lambda: postfix().replace(b"Action:", b"\r\n\r\nAction: failed" * 50_000 + b"\r\nAction:"),
}


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.timeout(60)
def test_a_mail_that_is_made_to_keep_us_busy_does_not(mail: Callable[[], bytes]) -> None:
    for news in read(mail(), OURS):
        assert isinstance(news, News)


LINES = sorted({line for text in (mails.POSTFIX, mails.COMPLAINT, mails.UTF_8) for line in text.splitlines()})
SOUP = st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=60)), max_size=60)


@given(SOUP)
def test_lines_in_any_order_raise_nothing(lines: list[str]) -> None:
    read("\r\n".join(lines).encode("utf-8", "surrogatepass"), OURS)


@given(st.binary(max_size=2_000))
def test_bytes_raise_nothing(content: bytes) -> None:
    assert read(content, OURS) == []


@settings(max_examples=300)
@given(at=st.integers(0, len(postfix(PATH))), junk=st.binary(max_size=30), cut=st.integers(0, 200))
def test_a_report_with_damage_raises_nothing(at: int, junk: bytes, cut: int) -> None:
    whole = postfix(PATH)
    for news in read(whole[:at] + junk + whole[at + cut :], OURS):
        assert news.kind in Kind
        assert all(isinstance(one, Returned) for one in news.reference.returned)
