"""What Twilio signs. The first two vectors are those of its own libraries."""

import pytest

from config.channels import Sms
from dispatchers.sms.callbacks import status_callback
from dispatchers.sms.signature import Accounts, Refusal

URL = "https://mycompany.com"
TARGET = "/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
REPEATED = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
REPEATED_SIGNATURE = "IK+Dwps556ElfBT0I3Rgjkr1wJU="


def accounts(public_url: str = URL) -> Accounts:
    provider = {"account_sid": "AC1", "auth_token": "12345", "from_number": "+18005551212"}
    return Accounts(Sms.model_validate({"provider": [provider]}), public_url)


@pytest.mark.parametrize(("form", "signature"), [(FORM, SIGNATURE), (REPEATED, REPEATED_SIGNATURE)])
def test_the_documented_signatures_hold(form: list[tuple[str, str]], signature: str) -> None:
    # Neither names an account, which is looked at last.
    assert accounts().refusal("twilio", TARGET, form, signature) is Refusal.ACCOUNT
    assert accounts().refusal("twilio", TARGET, list(reversed(form)), signature) is Refusal.ACCOUNT


def test_the_port_makes_no_difference() -> None:
    # https://www.twilio.com/docs/usage/webhooks/webhooks-security: with it or without it, whatever was configured
    assert accounts("https://mycompany.com:443").refusal("twilio", TARGET, FORM, SIGNATURE) is Refusal.ACCOUNT


@pytest.mark.parametrize(
    ("url", "target", "form", "signature"),
    [
        ("http://mycompany.com", TARGET, FORM, SIGNATURE),
        (URL, "/myapp.php?foo=1", FORM, SIGNATURE),
        (URL, TARGET, FORM[1:], SIGNATURE),
        (URL, TARGET, [*FORM, ("More", "")], SIGNATURE),
        (URL, TARGET, [*FORM, ("To", "+1")], SIGNATURE),
        (URL, TARGET, FORM, SIGNATURE[:-1]),
        (URL, TARGET, FORM, ""),
        (URL, TARGET, FORM, "é"),
    ],
)
def test_anything_else_does_not_hold(url: str, target: str, form: list[tuple[str, str]], signature: str) -> None:
    assert accounts(url).refusal("twilio", target, form, signature) is Refusal.SIGNATURE


def test_without_a_public_url_there_are_no_accounts() -> None:
    assert "twilio" not in accounts("")
    assert "twilio" in accounts()
    assert "other" not in accounts()


def test_the_callback_asks_twilio_to_come_again() -> None:
    expected = "https://mycompany.com/bell/feedback/twilio/main/status#rc=3&rp=ct,rt,5xx"
    assert status_callback("https://mycompany.com/bell", "main") == expected
    assert status_callback("", "main") is None
    assert "/twilio/a%2Fb%20%C3%BC%23/status" in (status_callback(URL, "a/b ü#") or "")
