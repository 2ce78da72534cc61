"""What differs between two sets of rules."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from daemon.planning.values import Words
from daemon.replay.difference import Summary, differences
from daemon.replay.values import Ask, Case, Failure, Kind, Outcome, Way
from tests.unit.planning.shop import NOON, person, policy, rule
from tests.unit.replay.past import outcomes, past, replayed

WORDS = Words("title", "body", "text", None, None)
MAIL = Way("customer", "c", "email", "c@example.com")
TEXT = Way("customer", "c", "sms", "+12125550100")
TOLD = Outcome("told", NOON, WORDS)


def kinds(before: Outcome | None, after: Outcome | None, way: Way = MAIL) -> list[Kind]:
    sides: list[Mapping[Way, Outcome]] = [{way: each} if each else {} for each in (before, after)]
    return [each.kind for each in differences(past(), *sides)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (TOLD, TOLD, []),
        (None, TOLD, [Kind.MORE]),
        (Outcome("preference"), TOLD, [Kind.MORE]),
        (TOLD, None, [Kind.LESS]),
        (TOLD, Outcome("throttled"), [Kind.LESS]),
        (TOLD, Outcome("told", NOON + timedelta(minutes=1), WORDS), [Kind.TIME]),
        (TOLD, Outcome("digested", NOON, WORDS), []),
        (Outcome("preference"), Outcome("suppressed"), [Kind.REASON]),
        (None, Outcome("no_address"), [Kind.REASON]),
        (Outcome("preference", detail="as chosen"), Outcome("preference"), []),
        (TOLD, Outcome("told", NOON, WORDS, taken_back=True), [Kind.TAKEN_BACK]),
    ],
)
def test_each_kind_of_difference(before: Outcome | None, after: Outcome | None, expected: list[Kind]) -> None:
    assert kinds(before, after) == expected


@pytest.mark.parametrize(
    ("words", "mail", "sms"),
    [
        (Words("other", "body", "text", None, None), True, False),
        (Words("title", "other", "text", None, None), True, False),
        (Words("title", "body", "other", None, None), False, True),
        (Words("title", "body", "text", "https://shop.example", None), True, False),
    ],
)
def test_only_words_that_are_read_on_the_channel_differ(words: Words, mail: bool, sms: bool) -> None:  # noqa: FBT001
    other = Outcome("told", NOON, words)
    assert kinds(TOLD, other) == [Kind.WORDS] * mail
    assert kinds(TOLD, other, TEXT) == [Kind.WORDS] * sms


def test_another_time_and_other_words_are_two_differences_of_one_event() -> None:
    summary = Summary(Ask())
    case = Case(past(), ({MAIL: TOLD}, {MAIL: Outcome("told", NOON + timedelta(minutes=1), Words("", "", "", "", ""))}))
    summary.add(case)
    assert summary.kinds() == {Kind.TIME: 1, Kind.WORDS: 1}
    assert summary.differing == 1


def test_two_parts_of_a_broadcast_are_one_event_that_differs() -> None:
    summary, event = Summary(Ask()), past()
    for user in "ab":
        summary.add(Case(event, ({}, {MAIL._replace(user=user): TOLD})))
    assert (summary.differing, summary.count(Kind.MORE)) == (1, 2)


def test_a_person_without_an_address_and_one_who_has_it_again_are_the_same_way() -> None:
    """A refusal that names no address stands beside what would have gone to each."""
    off = policy(rule(), preferences={"order": ()})
    made = replayed(policy(rule()), off, [past()])
    (less,) = made.examples[Kind.LESS]
    assert (less.way.address, less.after.label) == ("c@example.com", "preference")
    assert made.kinds() == {Kind.LESS: 1}


def test_steps_on_one_channel_are_told_apart() -> None:
    twice = rule(steps=[{"channels": ["email"]}, {"after": "5m", "channels": ["email"]}])
    made = replayed(policy(rule()), policy(twice), [past()])
    (more,) = made.examples[Kind.MORE]
    assert (more.way.turn, more.after.at) == (1, NOON + timedelta(minutes=5))


def test_an_audience_that_nobody_tells_any_more_loses_the_inbox_too() -> None:
    made = replayed(policy(rule()), policy(), [past()])
    assert made.kinds() == {Kind.LESS: 2}
    assert outcomes(made, "ready", "inbox") == {}


def test_only_one_person_is_shown_where_one_is_asked_for() -> None:
    made = replayed(policy(rule()), policy(), [past()], people=[person("a"), person("b")], ask=Ask(user="a"))
    assert {each.way.user for each in made.examples[Kind.LESS]} == {"a"}
    assert outcomes(made, "ready", "email", side=0) == {"told": 1}


def test_other_events_are_planned_though_only_one_is_shown() -> None:
    waits = policy(rule("created", digest={"every": "10m"}), rule("ready"))
    both = policy(rule("created"), rule("ready"))
    made = replayed(both, waits, [past("created")], [past("ready", 5)], ask=Ask(event="order.created"))
    assert made.events == 1
    assert outcomes(made, "created", "email") == {"superseded": 1}


def test_examples_are_kept_of_each_rule_before_more_of_one() -> None:
    pages = [[past("created", 0, str(n)) for n in range(5)], [past("ready", 1, "9")]]
    made = replayed(policy(rule("created"), rule("ready")), policy(), *pages, ask=Ask(limit=3))
    kept = {(each.past.event.name, each.way.channel) for each in made.examples[Kind.LESS]}
    assert len(made.examples[Kind.LESS]) == 3
    assert "order.ready" in {name for name, _ in kept}
    assert made.count(Kind.LESS) == 12


def test_an_event_that_neither_can_plan_is_left_out_once() -> None:
    summary, event = Summary(Ask()), past()
    for side in (0, 1, 1):
        summary.fail(Failure(side, event, "no such table"))
    assert (summary.left_out, dict(summary.failed)) == (1, {0: 1, 1: 1})


def test_of_one_mistake_one_example_is_enough() -> None:
    summary = Summary(Ask(limit=3))
    for _ in range(5):
        summary.fail(Failure(1, past(), "no such table"))
    assert (len(summary.failures), summary.failed[1], summary.failed[0]) == (1, 5, 0)
