"""Whether a provider may be asked: what its last answers have to do with it."""

import pytest

from dispatchers.base import Fault, Outcome, Rejected, Retry, Sent, Unknown
from dispatchers.breaker import Permit, Rules, State
from dispatchers.gate import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, PROBE_SECONDS, Closed, Gate

RULES = Rules(failures=2, open_seconds=5.0)


def ask(gate: Gate, now: float, outcome: Outcome) -> None:
    permit = gate.enter(now)
    assert isinstance(permit, Permit)
    gate.leave(permit, outcome, now)


@pytest.fixture
def gate() -> Gate:
    return Gate(rules=RULES)


@pytest.mark.parametrize(
    "outcome",
    [
        Retry("no connection"),
        Unknown("silence"),
        Retry("slow down", fault=Fault.LIMIT),
        Retry("slow down", 0.0, fault=Fault.LIMIT),
    ],
)
def test_trouble_and_silence_open_it_when_they_go_on(gate: Gate, outcome: Outcome) -> None:
    ask(gate, 0.0, outcome)
    assert gate.state(0.0) is State.CLOSED
    ask(gate, 2.0, outcome)
    assert gate.state(2.0) is State.OPEN
    assert gate.enter(2.0) == Closed("is left alone after failures", 5.0)


@pytest.mark.parametrize(
    "outcome",
    [
        Sent(),
        Rejected("no such mailbox", suppress_address=True),
        Rejected("not to there", fault=Fault.ROUTE),
        Retry("mailbox busy", fault=Fault.RECIPIENT),
        Retry("mailbox busy", 60.0, fault=Fault.RECIPIENT),
        Retry("not from this sender", fault=Fault.ROUTE),
    ],
)
def test_what_says_nothing_about_the_provider_leaves_it_open(gate: Gate, outcome: Outcome) -> None:
    for _ in range(10):
        ask(gate, 0.0, outcome)
    assert isinstance(gate.enter(0.0), Permit)


def test_a_wrong_login_shuts_it_at_once(gate: Gate) -> None:
    ask(gate, 0.0, Retry("bad password", fault=Fault.SETTINGS))
    assert gate.enter(0.0) == Closed("is left alone after failures", 5.0)


@pytest.mark.parametrize("fault", [Fault.LIMIT, Fault.PROVIDER])
def test_a_provider_is_left_alone_for_as_long_as_it_asks(gate: Gate, fault: Fault) -> None:
    ask(gate, 0.0, Retry("later", 30.0, fault=fault))
    assert gate.enter(1.0) == Closed("wants a pause", 29.0)
    assert isinstance(gate.enter(30.0), Permit)


def test_nobody_is_left_alone_for_longer_than_an_hour(gate: Gate) -> None:
    ask(gate, 0.0, Retry("later", 86_400.0, fault=Fault.LIMIT))
    assert gate.enter(0.0) == Closed("wants a pause", LONGEST_PAUSE_SECONDS)


def test_a_pause_that_was_asked_for_is_no_failure(gate: Gate) -> None:
    for now in (0.0, 10.0, 20.0, 30.0):
        ask(gate, now, Retry("later", 7.0, fault=Fault.LIMIT))
    assert gate.state(30.0) is State.CLOSED


def test_a_provider_that_does_not_say_for_how_long_gets_a_short_pause(gate: Gate) -> None:
    ask(gate, 0.0, Retry("later", fault=Fault.LIMIT))
    assert gate.enter(0.0) == Closed("wants a pause", PAUSE_SECONDS)


def test_a_shorter_pause_does_not_end_a_longer_one(gate: Gate) -> None:
    first, second = gate.enter(0.0), gate.enter(0.0)
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    gate.leave(first, Retry("later", 60.0, fault=Fault.LIMIT), 1.0)
    gate.leave(second, Retry("later", 2.0, fault=Fault.LIMIT), 2.0)
    assert gate.enter(2.0) == Closed("wants a pause", 59.0)


def test_while_a_probe_is_out_others_wait_for_its_answer(gate: Gate) -> None:
    ask(gate, 0.0, Retry("bad password", fault=Fault.SETTINGS))
    probe = gate.enter(5.0)
    assert isinstance(probe, Permit)
    assert gate.enter(5.0) == Closed("is being tried after failures", PROBE_SECONDS)
    gate.abandon(probe)
    assert isinstance(gate.enter(5.0), Permit)


def test_a_probe_that_is_asked_to_wait_leaves_it_half_open(gate: Gate) -> None:
    ask(gate, 0.0, Retry("bad password", fault=Fault.SETTINGS))
    ask(gate, 5.0, Retry("later", 10.0, fault=Fault.LIMIT))
    assert gate.state(15.0) is State.HALF_OPEN
    assert isinstance(gate.enter(15.0), Permit)


def test_a_provider_that_is_shut_costs_no_token() -> None:
    gate = Gate(rate_per_second=1.0, burst=1, rules=RULES)
    ask(gate, 0.0, Retry("bad password", fault=Fault.SETTINGS))
    for _ in range(3):
        assert isinstance(gate.enter(4.0), Closed)
    assert isinstance(gate.enter(5.0), Permit)
    assert gate.enter(5.0) == Closed("is at its rate limit", 1.0)
