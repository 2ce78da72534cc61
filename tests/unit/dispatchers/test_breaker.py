"""The circuit breaker: when it opens, for how long, and that one probe decides."""

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from dispatchers.breaker import Breaker, Permit, Rules, State

RULES = Rules(failures=3, share=0.5, window_seconds=30, window_answers=10, open_seconds=5, longest_open_seconds=40)


def permit(breaker: Breaker, now: float) -> Permit:
    given = breaker.enter(now)
    assert given is not None
    return given


def fail(breaker: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(permit(breaker, now), now)


def succeed(breaker: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.succeeded(permit(breaker, now), now)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(RULES)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    """Opened at 0."""
    fail(breaker, 0.0, RULES.failures)
    return breaker


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 0.0, RULES.failures - 1)
    assert breaker.state(0.0) is State.CLOSED
    fail(breaker, 0.0)
    assert breaker.state(0.0) is State.OPEN
    assert breaker.enter(0.0) is None
    assert breaker.wait(1.0) == 4.0


def test_a_success_between_failures_starts_the_row_anew(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker, 0.0, RULES.failures - 1)
        succeed(breaker, 0.0, 2 * RULES.failures)
    assert breaker.state(0.0) is State.CLOSED


def test_it_opens_when_half_of_a_window_failed_though_never_in_a_row(breaker: Breaker) -> None:
    for _ in range(5):
        assert breaker.state(1.0) is State.CLOSED
        succeed(breaker, 1.0)
        fail(breaker, 1.0)
    assert breaker.state(1.0) is State.OPEN


def test_answers_of_an_earlier_window_are_forgotten(breaker: Breaker) -> None:
    for now in range(0, 400, 8):  # 8 answers in each window, and 10 are needed
        succeed(breaker, now)
        fail(breaker, now)
    assert breaker.state(400) is State.CLOSED


def test_time_makes_it_half_open_and_one_may_ask(opened: Breaker) -> None:
    assert opened.state(4.999) is State.OPEN
    assert opened.state(5.0) is State.HALF_OPEN
    assert permit(opened, 5.0).is_probe
    assert opened.enter(5.0) is None
    assert opened.enter(500.0) is None


def test_a_probe_that_succeeds_closes_it(opened: Breaker) -> None:
    opened.succeeded(permit(opened, 5.0), 5.5)
    assert opened.state(5.5) is State.CLOSED
    assert not permit(opened, 5.5).is_probe


def test_each_probe_that_fails_opens_it_for_longer_and_not_without_end(opened: Breaker) -> None:
    now, waits = 0.0, []
    for _ in range(6):
        waits.append(opened.wait(now))
        now += opened.wait(now)
        fail(opened, now)
    assert waits == [5.0, 10.0, 20.0, 40.0, 40.0, 40.0]


def test_a_probe_that_was_abandoned_leaves_its_place_to_another(opened: Breaker) -> None:
    opened.abandoned(permit(opened, 5.0))
    assert permit(opened, 5.0).is_probe


def test_who_answers_one_probe_and_fails_again_is_left_alone_for_longer(opened: Breaker) -> None:
    succeed(opened, 5.0)
    fail(opened, 5.0, RULES.failures)
    assert opened.wait(5.0) == 10.0


def test_who_has_been_well_for_a_while_starts_anew(opened: Breaker) -> None:
    succeed(opened, 5.0, 1 + RULES.failures)
    fail(opened, 5.0, RULES.failures)
    assert opened.wait(5.0) == 5.0


def test_what_no_message_passes_opens_it_at_once(breaker: Breaker) -> None:
    breaker.trip(permit(breaker, 0.0), 0.0)
    assert breaker.state(0.0) is State.OPEN


@pytest.mark.parametrize("late", [Breaker.succeeded, Breaker.failed, Breaker.trip])
def test_an_answer_from_before_it_opened_changes_nothing(
    breaker: Breaker, late: Callable[[Breaker, Permit, float], None]
) -> None:
    before = permit(breaker, 0.0)
    fail(breaker, 0.0, RULES.failures)
    late(breaker, before, 1.0)
    assert breaker.wait(1.0) == 4.0
    probe = permit(breaker, 5.0)
    late(breaker, before, 5.0)
    assert breaker.state(5.0) is State.HALF_OPEN
    breaker.succeeded(probe, 6.0)
    assert breaker.state(6.0) is State.CLOSED


class AnyOrder(RuleBasedStateMachine):
    """Whatever is asked, answered, abandoned and when: one probe at a time, and never a way without an end."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(RULES)
        self.now = 0.0
        self.out: set[int] = set()
        """The probes whose answers are awaited, by their generation."""
        self.opened_for = 0.0

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=permits)
    def ask(self) -> Permit | None:
        state, given = self.breaker.state(self.now), self.breaker.enter(self.now)
        assert (given is not None) == (state is State.CLOSED or (state is State.HALF_OPEN and not self.out))
        if given is None:
            return None
        assert given.is_probe == (state is State.HALF_OPEN)
        if given.is_probe:
            self.out.add(given.generation)
        return given

    @rule(given=consumes(permits), how=st.sampled_from(["succeeded", "failed", "trip", "abandoned"]))
    def answer(self, given: Permit | None, how: str) -> None:
        if given is None:
            return
        before = self.breaker.state(self.now)
        is_live_probe = given.is_probe and given.generation in self.out
        if how == "abandoned":
            self.breaker.abandoned(given)
        else:
            getattr(self.breaker, how)(given, self.now)
        self.out.discard(given.generation)
        after = self.breaker.state(self.now)
        if is_live_probe:
            expected = {"succeeded": State.CLOSED, "abandoned": State.HALF_OPEN}
            assert after is expected.get(how, State.OPEN)
        elif before is not State.CLOSED:
            assert after is before
        elif how in {"succeeded", "abandoned"}:
            assert after is State.CLOSED

    @precondition(lambda self: self.breaker.state(self.now) is State.OPEN)
    @rule()
    def it_does_not_stay_open(self) -> None:
        self.now += self.breaker.wait(self.now)
        assert self.breaker.state(self.now) is State.HALF_OPEN

    @invariant()
    def one_probe_at_most_is_out(self) -> None:
        assert len(self.out) <= 1

    @invariant()
    def it_is_open_for_no_longer_than_allowed(self) -> None:
        assert 0.0 <= self.breaker.wait(self.now) <= RULES.longest_open_seconds + 1e-6


TestAnyOrder = AnyOrder.TestCase
