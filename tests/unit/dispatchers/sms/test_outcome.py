"""Twilio's refusals, and what becomes of the delivery."""

import pytest

from dispatchers.base import Rejected, Retry, Unknown
from dispatchers.sms.outcome import CODES, explain, outcome_of


@pytest.mark.parametrize("code", [21211, 21217, 21610, 21614, 21635])
def test_a_number_that_cannot_or_will_not_be_texted_is_suppressed(code: int) -> None:
    outcome = outcome_of(400, code, None)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


@pytest.mark.parametrize("code", [21408, 21612, 21617, 21602])
def test_a_message_that_cannot_go_is_rejected_but_its_number_is_kept(code: int) -> None:
    outcome = outcome_of(400, code, None)
    assert isinstance(outcome, Rejected)
    assert not outcome.suppress_address


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, 20003),
        (400, 21212),
        (400, 21603),
        (400, 21606),
        (404, 20404),
        (400, 30001),
        (403, None),
        (404, None),
    ],
)
def test_a_wrong_setting_loses_no_message(status: int, code: int | None) -> None:
    assert isinstance(outcome_of(status, code, None), Retry)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_provider_in_trouble_is_tried_again_whatever_code_it_gives(status: int) -> None:
    assert isinstance(outcome_of(status, 21211, None), Retry)


def test_a_gateway_that_heard_nothing_leaves_the_outcome_open() -> None:
    assert isinstance(outcome_of(504, None, None), Unknown)


def test_too_many_requests_carries_the_time_that_the_provider_asked_for() -> None:
    assert outcome_of(429, 20429, 17.0) == Retry("HTTP 429, code 20429: too many requests", after=17.0)


def test_a_code_that_is_not_known_is_judged_by_its_status() -> None:
    assert isinstance(outcome_of(400, 29999, None), Rejected)
    assert isinstance(outcome_of(403, 29999, None), Retry)


def test_an_unknown_code_is_explained_by_a_link() -> None:
    assert explain(400, 29999).endswith("https://www.twilio.com/docs/api/errors/29999")


def test_a_redirect_is_a_wrong_base_url_and_loses_no_message() -> None:
    assert isinstance(outcome_of(302, None, None), Retry)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_listed_code_is_explained_in_a_line(code: int) -> None:
    assert "\n" not in explain(400, code)
