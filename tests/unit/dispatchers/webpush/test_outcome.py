"""What push services answer, and what becomes of the delivery."""

import pytest

from dispatchers.base import Fault, Rejected, Retry, Sent
from dispatchers.webpush.outcome import outcome_of

FCM_ANOTHER_KEY = (
    "the VAPID credentials in the authorization header do not correspond to the credentials used to create "
    "the subscriptions.\n"
)
FCM_ANOTHER_SENDER = (
    "the key in the authorization header does not correspond to the sender ID used to subscribe this user. "
    "Please ensure you are using the correct sender ID and server Key from the Firebase console.\n"
)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_accepted_push_is_sent_under_its_location(status: int) -> None:
    assert outcome_of(status, "", "https://push.example/m/1", None) == Sent("https://push.example/m/1")


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_suppressed(status: int) -> None:
    outcome = outcome_of(status, "", None, None)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


@pytest.mark.parametrize("status", [400, 405, 413, 415])
def test_a_push_that_is_not_wanted_is_rejected_and_its_subscription_kept(status: int) -> None:
    outcome = outcome_of(status, "", None, None)
    assert isinstance(outcome, Rejected)
    assert not outcome.suppress_address


@pytest.mark.parametrize("status", [307, 406, 408, 429, 500, 502, 503, 504])
def test_a_service_that_is_busy_or_broken_is_tried_again(status: int) -> None:
    assert outcome_of(status, "", None, 30.0) == Retry(f"HTTP {status}", after=30.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, FCM_ANOTHER_KEY),
        (401, '{"code":401,"errno":109,"error":"Unauthorized","message":"VAPID public key mismatch"}'),
        (403, '{"reason":"VapidPkHashMismatch"}'),
        (403, FCM_ANOTHER_SENDER),
    ],
)
def test_a_subscription_made_with_another_key_is_suppressed(status: int, body: str) -> None:
    outcome = outcome_of(status, body, None, None)
    assert isinstance(outcome, Rejected)
    assert outcome.suppress_address


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '{"reason":"BadJwtToken"}'),
        (401, '{"errno":109,"message":"Request did not validate"}'),
        (403, ""),
    ],
)
def test_a_token_that_was_refused_for_another_reason_costs_no_subscription(status: int, body: str) -> None:
    assert isinstance(outcome_of(status, body, None, None), Retry)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (307, Fault.PROVIDER),
        (401, Fault.PROVIDER),
        (403, Fault.PROVIDER),
        (406, Fault.RECIPIENT),
        (408, Fault.PROVIDER),
        (425, Fault.PROVIDER),
        (429, Fault.LIMIT),
        (500, Fault.PROVIDER),
        (503, Fault.PROVIDER),
    ],
)
def test_a_service_that_did_not_take_it_says_whose_doing_it_is(status: int, fault: Fault) -> None:
    outcome = outcome_of(status, "", None, None)
    assert isinstance(outcome, Retry)
    assert outcome.fault is fault


@pytest.mark.parametrize("status", [201, 307, 400, 403, 404, 410, 413, 429, 500])
def test_every_outcome_carries_its_status(status: int) -> None:
    assert outcome_of(status, "", None, None).code == str(status)
