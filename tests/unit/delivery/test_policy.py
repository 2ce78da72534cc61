"""What becomes of a delivery after an attempt."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import DeliverySettings
from daemon.delivery.policy import Finish, TryAgain, Verdict, after_sending, before_sending
from dispatchers.base import Delivery, Outcome, Rejected, Retry, Sent, Unknown
from tests.deliveries import delivery

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = DeliverySettings(max_attempts=5, retry_base_seconds=2, retry_max_seconds=60)


def judged(outcome: Outcome, *, attempt: int = 1, chance: float = 0.5, repeatable: bool = True) -> Verdict:
    return after_sending(outcome, planned(attempt), SETTINGS, NOON, chance, repeatable=repeatable)


def planned(attempt: int = 1, lifetime: timedelta = timedelta(hours=1)) -> Delivery:
    return delivery(attempt=attempt, created_at=NOON, expires_at=NOON + lifetime)


def test_sent_is_sent() -> None:
    assert judged(Sent("SM1", provider="twilio")) == Finish("sent", provider="twilio", provider_id="SM1")


def test_rejected_ends_it_and_says_whether_the_address_is_to_blame() -> None:
    assert judged(Rejected("no such user", suppress_address=True, provider="smtp")) == Finish(
        "failed", provider="smtp", error="no such user", forget_address=True
    )


def test_a_retry_waits_a_random_share_of_a_growing_time() -> None:
    waits = [judged(Retry("busy"), attempt=n, chance=0.999) for n in (1, 2, 3, 4)]
    assert [round(w.after_seconds) for w in waits if isinstance(w, TryAgain)] == [2, 4, 8, 16]
    assert judged(Retry("busy"), attempt=3, chance=0.0) == TryAgain(0.0, "busy")


def test_retry_after_is_honoured() -> None:
    assert judged(Retry("slow down", after=30), chance=0.0) == TryAgain(30, "slow down")


def test_the_last_attempt_ends_it() -> None:
    verdict = judged(Retry("busy"), attempt=5)
    assert isinstance(verdict, Finish)
    assert (verdict.state, verdict.error) == ("failed", "gave up after 5 attempts: busy")


def test_no_retry_is_planned_for_after_the_expiry() -> None:
    verdict = after_sending(
        Retry("busy", after=120),
        planned(lifetime=timedelta(seconds=60)),
        SETTINGS,
        NOON,
        0.5,
        repeatable=True,
    )
    assert isinstance(verdict, Finish)
    assert verdict.state == "failed"


@pytest.mark.parametrize(("repeatable", "state"), [(True, "again"), (False, "failed")])
def test_what_may_have_been_sent_is_sent_again_only_where_people_see_it_once(repeatable: bool, state: str) -> None:  # noqa: FBT001
    verdict = judged(Unknown("timeout"), repeatable=repeatable)
    assert ("again" if isinstance(verdict, TryAgain) else verdict.state) == state


def test_an_expired_delivery_is_not_sent() -> None:
    late = planned(lifetime=timedelta(0))
    assert before_sending(late, NOON) == Finish("skipped", "expired")
    assert before_sending(planned(), NOON) is None


OUTCOMES = st.one_of(
    st.builds(Sent),
    st.builds(Rejected, error=st.text()),
    st.builds(Unknown, error=st.text()),
    st.builds(Retry, error=st.text(), after=st.none() | st.floats(0, 1e12)),
)


@given(OUTCOMES, st.integers(1, 10**6), st.floats(0, 1, exclude_max=True), st.booleans())
def test_every_outcome_has_a_verdict_within_bounds(
    outcome: Outcome,
    attempt: int,
    chance: float,
    repeatable: bool,  # noqa: FBT001
) -> None:
    verdict = judged(outcome, attempt=attempt, chance=chance, repeatable=repeatable)
    if isinstance(verdict, TryAgain):
        assert attempt < SETTINGS.max_attempts
        assert 0 <= verdict.after_seconds < 3600
    else:
        assert verdict.state in {"sent", "failed", "skipped"}
