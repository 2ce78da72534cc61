"""What must not stand in the log, and what must."""

import base64
import json
import string
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.logs.redaction import Redaction, redacted

ENDPOINT = "https://fcm.googleapis.com/fcm/send/cVn3kQ0AAbbccddeeffgghhiijj:APA91bHx"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("550 5.1.1 <ada@example.com>: Recipient address rejected", "ada@"),
        ("550 no such user ada.o'brien+shop@mail.example.co.uk here", "ada.o"),
        ('553 "Ada Lovelace"@example.com is not allowed', "Lovelace"),
        ("Adresse: jürgen@münchen.example unbekannt", "jürgen"),
        ("relay for root@localhost denied", "root@"),
        ("bounce to ada%40example.com", "ada%40"),
        ("postmaster@[192.0.2.1] is away", "postmaster"),
        ("The 'To' number +442079460001 is not a valid phone number", "2079460001"),
        ("Twilio error 21211: +1 (212) 555-0123 is invalid", "555-0123"),
        ("GET /v1/Lookup?To=%2B442079460001 failed", "442079460001"),
        ("number 00442079460001 cannot be reached", "442079460001"),
        ("phone: 07700 900123 is landline", "900123"),
        (f"Push failed: 410 Gone for {ENDPOINT}", "cVn3kQ0AAbb"),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAAAAABkZ1x2c3d4e5f6 is gone", "gAAAAABk"),
        ("connection to postgresql://shop:hunter2@db.example.com/shop failed", "hunter2"),
        ("GET https://example.com/unsubscribe?to=ada&t=abc failed", "t=abc"),
        (f"rejected token {JWT}", "dBjftJeZ4CVP"),
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("Authorization: vapid t=eyJ0eXAi.eyJhdWQi.sig, k=BNcRd", "eyJhdWQi"),
        ("password=hunter2 host=db", "hunter2"),
        ('{"auth_token": "0123456789abcdef"}', "0123456789abcdef"),
        ("api_key='sk-very-secret'", "sk-very"),
        ("unexpected value 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081"),
        ("DETAIL:  Key (email)=(ada@example.com) already exists.", "ada@"),
        ("DETAIL:  Failing row contains (7, Ada, 12 High Street, null).", "High Street"),
        ('CONTEXT:  COPY message, line 3, column body: "Dear Ada, your parcel"', "Dear Ada"),
        ("CONTEXT:  JSON data, line 1: ...Ada lives at 12 Mill Lane \\u0000...", "Mill Lane"),
        ('no {"endpoint": "https://a.example/x", "keys": {"auth": "k1", "p256dh": "k2"}} here', "a.example"),
    ],
)  # fmt: skip
def test_what_a_provider_repeats_of_an_address_is_not_logged(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "450 4.7.1 Greylisted, please try again in 300 seconds",
        'column "mail" does not exist',
        "Cannot connect to host 10.0.0.7:5432 ssl:default [Connection refused]",
        "connection to server at 192.168.10.20, port 5432 failed: timeout expired",
        "2026-11-21 17:33:55.475956+00:00",
        "from 2026-11-21 to 2026-11-22",
        "2026-11-21T17:33:55Z",
        "order:4711",
        "SM0123456789abcdef0123456789abcdef",
        "123e4567-e89b-12d3-a456-426614174000",
        "gave up after 10 attempts: TimeoutError",
        "orderbell.toml: rule[3].channels[0]: unknown channel",
        "http://127.0.0.1:9480/metrics",
        "relation 1663/16384/2619 is locked",
    ],
)
def test_what_helps_to_find_the_cause_stays(text: str) -> None:
    assert redacted(text) == text


_locals = st.text(string.ascii_letters + string.digits + "._+-", min_size=1, max_size=20).filter(
    lambda text: text[0].isalnum() and text[-1].isalnum()
)
_labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
_emails = st.builds(lambda local, first, last: f"{local}@{first}.{last}", _locals, _labels, _labels)
_phones = st.builds(
    lambda country, rest: f"+{country}{rest}", st.integers(1, 99), st.text(string.digits, min_size=7, max_size=10)
)
_around = st.sampled_from(
    ["{}", "<{}>", "to: {}", "'{}' is not valid", "({})", "for {}, sorry", "[{}]", '"{}"', "{}\n{}"]
)


@given(_emails, _around)
def test_no_mail_address_survives(address: str, around: str) -> None:
    said = redacted(around.replace("{}", address))
    assert address not in said
    assert address.partition("@")[0] + "@" not in said


@given(_phones, _around)
def test_no_telephone_number_survives(number: str, around: str) -> None:
    assert number[1:] not in redacted(around.replace("{}", number))


@given(st.binary(min_size=40, max_size=80), _around)
def test_no_push_endpoint_survives(token: bytes, around: str) -> None:
    secret = base64.urlsafe_b64encode(token).decode().rstrip("=")
    said = redacted(around.replace("{}", f"https://push.example.net/wpush/{secret}"))
    assert secret not in said
    assert "push.example.net" in said


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text: str) -> None:
    once = redacted(text)
    assert redacted(once).count("[e-mail]") >= once.count("[e-mail]")


class Why(StrEnum):
    BOUNCE = "bounce"


def line(**fields: object) -> dict[str, object]:
    return dict(Redaction()(None, "info", {"event": "x.happened", **fields}))


def test_fields_are_known_by_their_names() -> None:
    found = line(
        to="Ada", address="x", auth_token="t", body="Dear Ada", recipient_name="Ada", title="Hello", old={"a": 1}
    )
    assert set(found.values()) == {"x.happened", "[address]", "[secret]", "[words]"}


def test_ids_counts_and_reasons_stay() -> None:
    fields = {"delivery": 7, "notification": 8, "event_id": 9, "recipients": 12, "reason": Why.BOUNCE, "error": None}
    assert line(**fields) == {"event": "x.happened", **fields, "reason": "bounce"}


def test_a_telephone_number_that_is_a_number_does_not_stay() -> None:
    assert line(phone=442079460001)["phone"] == "[address]"


def test_what_is_nested_is_looked_through() -> None:
    found = line(error=[{"exc_value": "550 <ada@example.com>", "to": "ada"}], more=("ada@example.com",))
    assert "ada" not in json.dumps(found)


def test_what_is_nested_too_deep_is_left_out() -> None:
    deep: object = "ada@example.com"
    for _ in range(50):
        deep = [deep]
    assert "ada" not in json.dumps(line(error=deep))


def test_a_sentence_of_a_library_is_looked_through() -> None:
    assert Redaction()(None, "info", {"event": "cannot reach ada@example.com"}) == {"event": "cannot reach [e-mail]"}


def test_at_debug_addresses_are_shown_and_secrets_are_not() -> None:
    found = Redaction(only_secrets=True)(
        None,
        "info",
        {
            "event": "x",
            "to": "ada@example.com",
            "error": f"<ada@example.com> postgresql://u:hunter2@db/x {JWT}",
            "auth_token": "t",
        },
    )
    assert found["to"] == "ada@example.com"
    assert found["error"] == "<ada@example.com> postgresql://db/x [secret]"
    assert found["auth_token"] == "[secret]"
