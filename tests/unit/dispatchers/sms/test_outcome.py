"""Twilio's refusals, and what becomes of the delivery."""

import pytest

from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.sms.codes import CODES
from dispatchers.sms.outcome import explain, outcome_of, outcome_of_status


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
        (400, 21609),
        (404, 20404),
        (400, 30001),
        (403, None),
        (404, None),
    ],
)
def test_a_wrong_setting_loses_no_message(status: int, code: int | None) -> None:
    assert isinstance(outcome_of(status, code, None), Retry)


def test_a_provider_that_is_not_available_is_tried_again_whatever_code_it_gives() -> None:
    assert isinstance(outcome_of(503, 21211, None), Retry)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_broke_down_over_the_request_leaves_the_outcome_open(status: int) -> None:
    assert isinstance(outcome_of(status, None, None), Unknown)


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


@pytest.mark.parametrize(
    ("status", "code", "kind", "fault"),
    [
        (401, 20003, Retry, Fault.SETTINGS),
        (403, 20005, Retry, Fault.SETTINGS),
        (404, 20404, Retry, Fault.SETTINGS),
        (401, None, Retry, Fault.SETTINGS),
        (402, None, Retry, Fault.SETTINGS),
        (302, None, Retry, Fault.SETTINGS),
        (400, 21212, Retry, Fault.SETTINGS),
        (400, 30002, Retry, Fault.SETTINGS),
        (429, 20429, Retry, Fault.LIMIT),
        (429, None, Retry, Fault.LIMIT),
        (400, 21611, Retry, Fault.LIMIT),
        (400, 30001, Retry, Fault.LIMIT),
        (400, 63038, Retry, Fault.LIMIT),
        (408, None, Retry, Fault.PROVIDER),
        (503, 21211, Retry, Fault.PROVIDER),
        (400, 21606, Retry, Fault.ROUTE),
        (400, 30034, Retry, Fault.ROUTE),
        (400, 14107, Retry, Fault.RECIPIENT),
        (400, 21408, Rejected, Fault.ROUTE),
        (400, 21608, Rejected, Fault.ROUTE),
        (400, 21612, Rejected, Fault.ROUTE),
        (400, 21211, Rejected, Fault.RECIPIENT),
        (400, 21610, Rejected, Fault.RECIPIENT),
        (400, 21614, Rejected, Fault.RECIPIENT),
        (400, 21617, Rejected, Fault.RECIPIENT),
        (400, 29999, Rejected, Fault.RECIPIENT),
    ],
)
def test_a_refusal_says_whose_doing_it_is(
    status: int, code: int | None, kind: type[Retry | Rejected], fault: Fault
) -> None:
    outcome = outcome_of(status, code, None)
    assert isinstance(outcome, kind)
    assert outcome.fault is fault
    assert outcome.code == str(code or status)


def called_back(status: str, code: int | None) -> Outcome:
    outcome = outcome_of_status(status, code)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("status", ["accepted", "scheduled", "queued", "sending", "receiving", "something new", ""])
def test_a_status_on_the_way_says_nothing_yet(status: str) -> None:
    assert outcome_of_status(status, None) is None


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
def test_a_text_that_arrived_says_how_far(status: str) -> None:
    outcome = called_back(status, None)
    assert (type(outcome), outcome.code) == (Sent, status)


@pytest.mark.parametrize("status", ["failed", "undelivered"])
@pytest.mark.parametrize("code", [21211, 21610, 21614, 30005, 30006])
def test_a_number_that_is_found_wanting_later_is_suppressed(status: str, code: int) -> None:
    outcome = called_back(status, code)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address
    assert outcome.code == str(code)


@pytest.mark.parametrize("code", [30004, 30007, 30010, 30036, 29999])
def test_a_text_that_was_refused_later_is_not_sent_again_and_its_number_kept(code: int) -> None:
    outcome = called_back("undelivered", code)
    assert isinstance(outcome, Rejected)
    assert not outcome.suppress_address


def test_a_filtered_text_asks_for_attention() -> None:
    outcome = called_back("undelivered", 30007)
    assert isinstance(outcome, Rejected)
    assert "look into" in outcome.error


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (None, Fault.RECIPIENT),
        (30001, Fault.LIMIT),
        (30003, Fault.RECIPIENT),
        (30008, Fault.RECIPIENT),
        (30022, Fault.LIMIT),
        (30500, Fault.PROVIDER),
    ],
)
def test_a_handset_or_a_carrier_that_was_out_of_reach_is_tried_again(code: int | None, fault: Fault) -> None:
    outcome = called_back("undelivered", code)
    assert isinstance(outcome, Retry)
    assert outcome.fault is fault


def test_a_carrier_that_did_not_answer_in_time_leaves_the_outcome_open() -> None:
    assert isinstance(called_back("failed", 30410), Unknown)


def test_a_cancelled_text_is_not_sent_again() -> None:
    assert isinstance(called_back("canceled", None), Rejected)
