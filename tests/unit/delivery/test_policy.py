"""What becomes of a delivery after an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from config.names import Closed
from config.settings import DeliverySettings
from daemon.delivery.policy import UNKNOWN_SECONDS, Finish, TryAgain, Verdict, after_sending
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from tests.deliveries import delivery

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = DeliverySettings(max_attempts=5, retry_base_seconds=2, retry_max_seconds=60)


def judged(outcome: Outcome, *, attempt: int = 1, chance: float = 0.5) -> Verdict:
    return after_sending(outcome, planned(attempt), SETTINGS, NOON, chance)


def planned(attempt: int = 1, lifetime: timedelta = timedelta(hours=1)) -> Delivery:
    return delivery(attempt=attempt, created_at=NOON, expires_at=NOON + lifetime)


def test_sent_is_sent() -> None:
    assert judged(Sent("SM1", provider="twilio")) == Finish("sent", provider="twilio", provider_id="SM1")


def test_rejected_ends_it_and_says_whether_the_address_is_to_blame() -> None:
    assert judged(Rejected("no such user", suppress_address=True, provider="smtp")) == Finish(
        "failed", provider="smtp", error="no such user", closed=Closed.INVALID
    )


def test_a_retry_waits_a_random_share_of_a_growing_time() -> None:
    waits = [judged(Retry("busy", code="451"), attempt=n, chance=0.999) for n in (1, 2, 3, 4)]
    assert [round(w.after_seconds) for w in waits if isinstance(w, TryAgain)] == [2, 4, 8, 16]
    assert judged(Retry("busy", code="451"), attempt=3, chance=0.0) == TryAgain(0.0, "busy")


def test_retry_after_is_honoured() -> None:
    assert judged(Retry("slow down", after=30, code="429"), chance=0.0) == TryAgain(30, "slow down")


def test_the_last_attempt_ends_it() -> None:
    verdict = judged(Retry("busy", code="451"), attempt=5)
    assert isinstance(verdict, Finish)
    assert (verdict.state, verdict.error) == ("failed", "gave up after 5 attempts: busy")


def test_what_nobody_was_asked_about_costs_no_attempt() -> None:
    """A breaker is open, or a rate is used up: for however long, it does not use the delivery's attempts up."""
    assert judged(Retry("breaker open", after=30), attempt=5, chance=0.0) == TryAgain(30, "breaker open", free=True)


def test_no_retry_is_planned_for_after_the_expiry() -> None:
    verdict = after_sending(
        Retry("busy", after=120, code="451"),
        planned(lifetime=timedelta(seconds=60)),
        SETTINGS,
        NOON,
        0.5,
    )
    assert isinstance(verdict, Finish)
    assert verdict.state == "failed"


def test_what_may_have_been_sent_is_tried_again_as_uncertain_and_not_at_once() -> None:
    verdict = judged(Unknown("timeout"), chance=0.0)
    assert verdict == TryAgain(UNKNOWN_SECONDS, "timeout", uncertain=True)


def test_what_was_uncertain_stays_so_when_nobody_could_say() -> None:
    unsure = replace(planned(), uncertain=True)
    verdict = after_sending(Retry("busy", code="451"), unsure, SETTINGS, NOON, 0.5)
    assert isinstance(verdict, TryAgain)
    assert verdict.uncertain


OUTCOMES = st.one_of(
    st.builds(Sent),
    st.builds(Rejected, error=st.text()),
    st.builds(Unknown, error=st.text()),
    st.builds(Retry, error=st.text(), after=st.none() | st.floats(0, 1e12), code=st.just("451")),
)


@given(OUTCOMES, st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_every_outcome_has_a_verdict_within_bounds(
    outcome: Outcome,
    attempt: int,
    chance: float,
) -> None:
    verdict = judged(outcome, attempt=attempt, chance=chance)
    if isinstance(verdict, TryAgain):
        assert attempt < SETTINGS.max_attempts
        assert 0 <= verdict.after_seconds < 3600
    else:
        assert verdict.state in {"sent", "failed", "skipped"}
