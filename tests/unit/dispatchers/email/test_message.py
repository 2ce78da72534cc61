"""The bytes of a mail, read back by the standard library's strictest parser."""

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.channels import Bounces, Email
from config.names import Category
from dispatchers.base import Delivery
from dispatchers.email.address import BadAddress
from dispatchers.email.message import Composer
from dispatchers.email.returning import ReturnPaths
from dispatchers.email.unsubscribe import Links

Deliveries = Callable[..., Delivery]

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
ANYTHING = st.text(alphabet=st.characters(), max_size=400)
NASTY = st.one_of(
    ANYTHING,
    st.sampled_from(
        [
            "a\r\nBcc: eve@example.com",
            "\n\n<h1>",
            "\r",
            "\0",
            "=?utf-8?q?x?=",
            '"\\',
            "x" * 3000,
            "é" * 3000,
            "\u2028",
            "\ud800",
            "https://x/\ud800",
        ]
    ),
)
FIELDS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "X-Orderbell-Event",
    "X-Orderbell-Notification",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
]


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer(Email(sender="Bella Shop <hello@shop.example>", footer="You ordered at Bella Shop."))


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content.replace(b"\r\n..", b"\r\n."), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_mail_has_these_fields_and_no_others(composer: Composer, delivery: Deliveries) -> None:
    message = read(composer.compose(delivery(), NOW).content)

    assert message.keys() == FIELDS
    assert message["From"] == "Bella Shop <hello@shop.example>"
    assert message["To"] == "Zoe Miller <zoe@example.com>"
    assert message["Subject"] == "Your order #4711 is ready"
    assert message["Date"].datetime == NOW
    assert message["X-Orderbell-Event"] == "order.ready"
    assert message["X-Orderbell-Notification"] == "77"
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_mail_is_text_and_html_of_the_same_words(composer: Composer, delivery: Deliveries) -> None:
    message = read(composer.compose(delivery(), NOW).content)

    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for part in message.iter_parts():
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
        assert part.get_content_charset() == "utf-8"
    assert body(message, "plain") == (
        "Your order #4711 is ready\n\n"
        "Trattoria Bella has packed it.\n\n"
        "Total: 34.80\nPaid by card\n\n"
        "Track your order:\nhttps://shop.example/orders/4711?a=1&b=2\n\n"
        "-- \nBella Shop\nYou ordered at Bella Shop.\n"
    )
    html = body(message, "html")
    for words in (
        "Your order #4711 is ready",
        "Total: 34.80<br>",
        "Track your order",
        "You ordered at Bella Shop.",
    ):
        assert words in html
    assert 'href="https://shop.example/orders/4711?a=1&amp;b=2"' in html


def test_words_of_every_script_arrive_unharmed(composer: Composer, delivery: Deliveries) -> None:
    title, name = "Ihre Bestellung: 準備ができました 🍕", "Zoë Mü🍕ller, née O'Brien"
    message = read(composer.compose(delivery(title=title, recipient_name=name, body="Grüße\n.\n..dots"), NOW).content)

    assert message["Subject"] == title
    assert message["To"].addresses[0].display_name == name
    assert message["To"].addresses[0].addr_spec == "zoe@example.com"
    assert "Grüße\n.\n..dots" in body(message, "plain")


def test_every_attempt_carries_the_same_message_id(composer: Composer, delivery: Deliveries) -> None:
    first = composer.compose(delivery(attempt=1), NOW)
    second = composer.compose(delivery(attempt=2), NOW.replace(hour=20))

    assert first.message_id == second.message_id == "<orderbell.812.69a485a8@shop.example>"
    assert read(second.content)["Message-ID"] == second.message_id


def test_the_domain_of_message_ids_can_be_set(delivery: Deliveries) -> None:
    composer = Composer(Email(sender="hello@shop.example", message_id_domain="Mail.Bücher.example"))
    assert composer.compose(delivery(), NOW).message_id == "<orderbell.812.69a485a8@mail.xn--bcher-kva.example>"


def test_mails_about_one_subject_to_one_person_share_a_thread(composer: Composer, delivery: Deliveries) -> None:
    ready = read(composer.compose(delivery(), NOW).content)
    picked_up = read(composer.compose(delivery(id=813, event="order.picked_up", title="Picked up"), NOW).content)

    assert ready["References"] == ready["In-Reply-To"] == picked_up["References"] == picked_up["In-Reply-To"]
    assert ready["References"].startswith("<orderbell.order-4711.")
    assert ready["References"].endswith("@shop.example>")


@pytest.mark.parametrize(
    "other", [{"subject": "order:4712"}, {"subject": "order-4711"}, {"address": "adam@example.com"}]
)
def test_another_subject_or_another_person_is_another_thread(
    composer: Composer, delivery: Deliveries, other: dict[str, str]
) -> None:
    here = read(composer.compose(delivery(), NOW).content)
    there = read(composer.compose(delivery(**other), NOW).content)
    assert here["References"] != there["References"]


def test_a_mail_about_nothing_in_particular_is_in_no_thread(composer: Composer, delivery: Deliveries) -> None:
    message = read(composer.compose(delivery(subject=""), NOW).content)
    assert "References" not in message
    assert "In-Reply-To" not in message


@given(title=NASTY, name=NASTY, event=NASTY, subject=NASTY)
def test_no_value_can_add_a_field_or_break_a_line(
    composer: Composer, delivery: Deliveries, title: str, name: str, event: str, subject: str
) -> None:
    values = {"title": title, "recipient_name": name, "event": event, "subject": subject}
    content = composer.compose(delivery(**values), NOW).content
    head, _, _ = content.partition(b"\r\n\r\n")

    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert names == [field for field in FIELDS if subject or field not in {"In-Reply-To", "References"}]
    assert head.isascii()
    assert not {char for char in head.replace(b"\r\n", b"") if char < 0x20 or char == 0x7F}
    assert max(len(line) for line in content.split(b"\r\n")) <= 998  # RFC 5322 2.1.1
    recipient = read(content)["To"]
    assert [address.addr_spec for address in recipient.addresses] == ["zoe@example.com"]
    assert not recipient.defects


@given(title=NASTY, text=NASTY, url=NASTY, action=NASTY, locale=NASTY)
def test_any_words_make_two_readable_parts(
    composer: Composer, delivery: Deliveries, title: str, text: str, url: str, action: str, locale: str
) -> None:
    values = {"title": title, "body": text, "url": url, "action": action, "locale": locale}
    message = read(composer.compose(delivery(**values), NOW).content)

    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert not message.defects
    assert not [defect for part in parts for defect in part.defects]
    assert body(message, "html").rstrip().endswith("</html>")


def test_a_title_too_long_for_a_subject_is_cut_there_and_stands_in_full_in_the_mail(
    composer: Composer, delivery: Deliveries
) -> None:
    title = "word " * 400 + "end"
    message = read(composer.compose(delivery(title=title), NOW).content)

    assert len(message["Subject"]) <= 250
    assert message["Subject"].endswith("…")
    assert title in body(message, "plain")
    assert title in body(message, "html")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("", "zoe@example.com"),
        ("Miller, Zoe", '"Miller, Zoe" <zoe@example.com>'),
        ('Zoe "Z" Miller', '"Zoe \\"Z\\" Miller" <zoe@example.com>'),
    ],
)
def test_the_recipients_name_is_quoted_where_it_must_be(
    composer: Composer, delivery: Deliveries, name: str, header: str
) -> None:
    content = composer.compose(delivery(recipient_name=name), NOW).content
    assert f"To: {header}" in content.decode().replace("\r\n ", " ")


def test_an_address_that_needs_smtputf8_stands_in_utf8_in_the_header(composer: Composer, delivery: Deliveries) -> None:
    envelope = composer.compose(delivery(address="zoë@bücher.example"), NOW)
    assert envelope.needs_smtputf8
    assert "To: Zoe Miller\r\n <zoë@xn--bcher-kva.example>\r\n".encode() in envelope.content


def test_an_address_that_is_none_makes_no_mail(composer: Composer, delivery: Deliveries) -> None:
    with pytest.raises(BadAddress):
        composer.compose(delivery(address="nobody"), NOW)


def test_answers_go_where_reply_to_says(delivery: Deliveries) -> None:
    composer = Composer(Email(sender="hello@shop.example", reply_to="Help <help@shop.example>"))
    message = read(composer.compose(delivery(), NOW).content)
    assert message["Reply-To"] == "Help <help@shop.example>"
    assert message["From"] == "hello@shop.example"


SECRET = "a secret of at least thirty-two bytes"
SHOP = Email(sender="Bella Shop <hello@shop.example>")


def test_a_mail_can_be_unsubscribed_from_with_one_click(delivery: Deliveries) -> None:
    composer = Composer(SHOP, public_url="https://notify.shop.example", secret=SECRET)
    message = read(composer.compose(delivery(), NOW).content)

    link = str(message["List-Unsubscribe"]).strip("<>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert Links("https://notify.shop.example", SECRET).read(link.rpartition("/")[2]).user_id == "u1"
    assert f"\nUnsubscribe: {link}\n" in body(message, "plain")
    assert f'<a href="{link}"' in body(message, "html")


def test_a_long_link_stays_in_one_line(delivery: Deliveries) -> None:
    composer = Composer(SHOP, public_url="https://notify.shop.example", secret=SECRET)
    content = composer.compose(delivery(user_id="u" * 500), NOW).content
    (line,) = (line for line in content.split(b"\r\n") if line.startswith(b"List-Unsubscribe: "))
    assert 600 < len(line) <= 998
    assert line.endswith(b">")


@pytest.mark.parametrize("changes", [{"category": Category.SECURITY}, {"critical": True}])
def test_what_people_must_be_told_cannot_be_unsubscribed_from(delivery: Deliveries, changes: dict[str, object]) -> None:
    composer = Composer(SHOP, public_url="https://notify.shop.example", secret=SECRET)
    content = composer.compose(delivery(**changes), NOW).content
    assert b"nsubscribe" not in content


def test_a_mail_has_a_return_path_of_its_own(delivery: Deliveries) -> None:
    settings = SHOP.model_copy(update={"bounces": Bounces(address="bounces@shop.example")})
    envelope = Composer(settings, secret=SECRET).compose(delivery(), NOW)

    assert envelope.sender.local_part.startswith("bounces+")
    returned = ReturnPaths("bounces@shop.example", SECRET).read(str(envelope.sender))
    assert returned is not None
    assert returned.delivery_id == 812
    assert read(envelope.content)["From"] == "Bella Shop <hello@shop.example>"
    assert envelope.message_id == "<orderbell.812.69a485a8@shop.example>"


def test_without_a_mailbox_for_it_mails_come_back_to_the_sender(composer: Composer, delivery: Deliveries) -> None:
    assert str(composer.compose(delivery(), NOW).sender) == "hello@shop.example"


def test_a_line_with_a_dot_in_front_has_it_doubled(composer: Composer, delivery: Deliveries) -> None:
    content = composer.compose(delivery(body=".hidden"), NOW).content
    assert b"\r\n..hidden" in content


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"sender": "nobody"}, "email.sender"),
        ({"sender": "hello@shop.example", "reply_to": "x@"}, "email.reply_to"),
        ({"sender": "hello@shop.example", "message_id_domain": "a b"}, "email.message_id_domain"),
    ],
)
def test_a_configured_address_that_is_none_is_named_by_its_key(settings: dict[str, str], key: str) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: "):
        # The model refuses these itself; a channel does not rely on it.
        Composer(Email().model_copy(update=settings))
