"""Nobody learns an address from an explanation, but who asks for them."""

import json

import pytest

from daemon.explain.addresses import masked, masked_in, whole

DEVICE = json.dumps({"endpoint": "https://push.example.net/send/abc", "keys": {"auth": "secret"}})


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("email", "ada@example.com", "a…@example.com"),
        ("email", "nonsense", "…"),
        ("sms", "+1 (202) 555-0123", "+1…0123"),
        ("sms", "202 555 0123", "2…0123"),
        ("sms", "0123", "…"),
        ("webpush", DEVICE, "push.example.net"),
        ("webpush", "nonsense", "a device"),
        ("webpush", '{"endpoint": "http://[x"}', "a device"),
        ("fax", "+49301234567", "+…"),
        ("email", None, None),
    ],
)
def test_masked(channel: str, address: str | None, shown: str | None) -> None:
    assert masked(channel, address) == shown


def test_a_device_in_full_is_its_endpoint_without_its_keys() -> None:
    assert whole("webpush", DEVICE) == "https://push.example.net/send/abc"
    assert whole("sms", "+12025550123") == "+12025550123"
    assert whole("email", None) is None


def test_addresses_in_what_a_provider_said_are_masked() -> None:
    said = "550 5.1.1 <ada.l@mail.example.com>: unknown; +1 202 555 0123 said STOP at 12:00:00"
    assert masked_in(said) == "550 5.1.1 <a…@mail.example.com>: unknown; +1…0123 said STOP at 12:00:00"
