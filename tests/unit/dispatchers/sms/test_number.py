"""What counts as a number that can be texted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchers.sms.number import NotANumber, to_e164


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+1 202-555-0123", "", "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("00 49 30 901820", "DE", "+4930901820"),
        ("030/901820", "DE", "+4930901820"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("tel:+1-202-555-0123", "", "+12025550123"),
        ("+12025550123", "", "+12025550123"),
    ],
)
def test_a_number_as_people_write_it_becomes_e164(written: str, region: str, e164: str) -> None:
    assert to_e164(written, region) == e164


@pytest.mark.parametrize(
    ("written", "region", "reason"),
    [
        ("", "US", "not a phone number"),
        ("call me", "US", "not a phone number"),
        ("030 901820", "", "no country code"),
        ("+999 123456", "", "no country code"),
        ("555-0123", "US", "area code"),
        ("+1 202 555", "", "too short"),
        ("+1 202 555 0123 4567", "", "too long"),
        ("+1 202 555 0123 ext. 5", "", "extension"),
    ],
)
def test_what_cannot_be_texted_says_why(written: str, region: str, reason: str) -> None:
    refused = to_e164(written, region)
    assert isinstance(refused, NotANumber)
    assert reason in refused.reason


def test_the_reason_does_not_repeat_the_number() -> None:
    refused = to_e164("+1 202 555 0123 4567", "")
    assert isinstance(refused, NotANumber)
    assert "555" not in refused.reason


@given(st.text(max_size=400), st.sampled_from(["", "US", "DE", "IN"]))
def test_any_text_is_a_number_or_is_refused(written: str, region: str) -> None:
    match to_e164(written, region):
        case NotANumber(reason):
            assert reason
        case e164:
            assert e164.startswith("+")
            assert e164[1:].isdigit()
            assert to_e164(e164, "") == e164
