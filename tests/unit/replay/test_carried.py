"""What one page of a replay leaves behind for the next."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as given_
from hypothesis import strategies as st

from config.quiet import QuietWindow
from config.rules import Rule
from config.telling import Throttle
from daemon.planning.policy import Policy
from daemon.replay import carried
from daemon.replay.difference import Summary
from daemon.replay.twice import Twice
from daemon.replay.values import Ask, Past
from tests.unit.planning.shop import NOON, person, policy, rule
from tests.unit.replay.past import given, outcomes, past, replayed, times

AT_ONCE = policy(rule("created"), rule("ready"))
DIGEST = policy(rule("created", digest={"every": "10m"}), rule("ready"))
NIGHT = {"quiet": [QuietWindow(start="11:00", end="14:00")]}


def throttled(at_most: int, per: str = "1h", *rules: Rule) -> Policy:
    limit = Throttle.model_validate({"channel": "email", "at_most": at_most, "per": per})
    return policy(*(rules or (rule("created"), rule("ready"))), throttles=[(limit.name, limit)])


def test_a_digest_over_two_pages_is_one_message() -> None:
    made = replayed(AT_ONCE, DIGEST, [past("created", 0, "1")], [past("created", 4, "2"), past("created", 9, "3")])
    assert outcomes(made, "created", "email") == {"told": 1, "digested": 2}
    assert set(times(made)) == {NOON + timedelta(minutes=10)}


def test_what_comes_when_a_digest_closes_opens_the_next() -> None:
    made = replayed(AT_ONCE, DIGEST, [past("created", 0, "1")], [past("created", 10, "2")])
    assert outcomes(made, "created", "email") == {"told": 2}
    assert times(made) == [NOON + timedelta(minutes=10), NOON + timedelta(minutes=20)]


def test_a_digest_whose_only_entry_was_superseded_is_closed() -> None:
    first, newer, other = past("created", 0, "1"), past("ready", 2, "1"), past("created", 4, "2")
    made = replayed(AT_ONCE, DIGEST, [first], [newer], [other])
    assert outcomes(made, "created", "email") == {"superseded": 1, "told": 1}
    assert NOON + timedelta(minutes=14) in times(made)


def test_what_waits_for_the_morning_is_superseded_in_a_later_page() -> None:
    made = replayed(AT_ONCE, policy(rule("created"), rule("ready"), **NIGHT), [past("created")], [past("ready", 5)])
    assert outcomes(made, "created", "email") == {"superseded": 1}
    assert outcomes(made, "ready", "email") == {"told": 1}


def test_what_was_told_is_not_superseded() -> None:
    made = replayed(AT_ONCE, AT_ONCE, [past("created")], [past("ready", 5)])
    assert outcomes(made, "created", "email") == {"told": 1}
    assert made.differing == 0


def test_what_is_due_exactly_when_the_newer_status_comes_was_told() -> None:
    made = replayed(AT_ONCE, DIGEST, [past("created", 0)], [past("ready", 10)])
    assert outcomes(made, "created", "email") == {"told": 1}


@pytest.mark.parametrize(("minutes", "label"), [(4, "superseded"), (6, "told")])
def test_a_later_step_ends_with_a_newer_status_on_whatever_channel(minutes: float, label: str) -> None:
    later = rule("created", steps=[{"channels": ["email"]}, {"after": "5m", "channels": ["sms"]}])
    made = replayed(AT_ONCE, policy(later, rule("ready")), [past("created")], [past("ready", minutes)])
    assert outcomes(made, "created", "sms") == {label: 1}
    assert outcomes(made, "created", "email") == {"told": 1}


def test_a_later_step_ends_with_a_newer_status_of_the_same_transaction() -> None:
    later = rule("created", steps=[{"after": "5m", "channels": ["sms"]}])
    made = replayed(AT_ONCE, policy(later, rule("ready")), [past("created"), past("ready")])
    assert outcomes(made, "created", "sms") == {"superseded": 1}
    assert made.events == 2


def test_messages_count_towards_a_throttle_over_pages() -> None:
    made = replayed(AT_ONCE, throttled(2), *([past("created", minute, str(minute))] for minute in range(4)))
    assert outcomes(made, "created", "email") == {"told": 2, "throttled": 2}


def test_a_throttle_forgets_what_is_older_than_its_time() -> None:
    made = replayed(AT_ONCE, throttled(1, "10m"), [past("created", 0, "1")], [past("created", 10, "2")])
    assert outcomes(made, "created", "email") == {"told": 2}


def test_an_offer_is_taken_back_in_a_later_page() -> None:
    offer = policy(rule("created", channels=["email", "webpush"], withdraw_on=["order.ready"]), rule("ready"))
    plain = policy(rule("created", channels=["email", "webpush"]), rule("ready"))
    made = replayed(plain, offer, [past("created")], [past("ready", 5)])
    taken = {each.way.channel for found in made.examples.values() for each in found if each.after.taken_back}
    assert taken == {"inbox", "webpush"}  # a mail that is out stays out
    assert made.differing == 1


def test_an_offer_that_waits_is_withdrawn_before_anybody_reads_it() -> None:
    offer = policy(rule("created", withdraw_on=["order.lost"], digest={"every": "10m"}))
    made = replayed(policy(rule("created")), offer, [past("created")], [past("lost", 5)])
    assert outcomes(made, "created", "email") == {"withdrawn": 1}


def test_an_offer_of_another_order_stays() -> None:
    offer = policy(rule("created", withdraw_on=["order.lost"]))
    made = replayed(policy(rule("created")), offer, [past("created", 0, "1")], [past("lost", 5, "2")])
    assert made.differing == 0


def test_nothing_is_carried_of_what_is_over() -> None:
    offer = throttled(3, "5m", rule("created", withdraw_on=["order.lost"], digest={"every": "10m"}))
    twice, people = Twice(AT_ONCE, offer, Summary(Ask())), [person()]
    for minute in range(5):
        page = [past("created", minute, str(minute))]
        twice.add(page, given(page, people), given(page, people))
    left = twice._carried[1]
    assert left._waiting > 0
    twice.finish()
    left.advance(NOON + timedelta(days=2))
    assert (left._waiting, left._moments, left._lines, len(left._windows), len(left._spent)) == (0, [], {}, 0, 0)


def test_more_than_is_carried_counts_as_told_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "AT_MOST", 2)
    summary, people = Summary(Ask()), [person()]
    twice = Twice(AT_ONCE, DIGEST, summary)
    for minute in range(5):
        page = [past("created", minute, str(minute))]
        twice.add(page, given(page, people), given(page, people))
    assert twice.full
    twice.finish()
    assert sum(outcomes(summary, "created", "email").values()) == 5


MOMENTS = st.tuples(
    st.sampled_from(["created", "ready", "lost"]), st.integers(0, 40), st.sampled_from("123"), st.booleans()
)
ANYTHING = throttled(
    4,
    "20m",
    rule("created", withdraw_on=["order.lost"], digest={"every": "10m"}),
    rule("ready", steps=[{"channels": ["email"]}, {"after": "5m", "channels": ["sms"]}]),
)


@given_(st.lists(MOMENTS, max_size=12))
def test_where_a_page_ends_makes_no_difference(moments: list[tuple[str, int, str, bool]]) -> None:
    moments.sort(key=lambda each: each[1])
    one_page = [past(what, minute, key) for what, minute, key, _ in moments]
    pages: list[list[Past]] = [[]]
    for (what, minute, key, _), before in zip(moments, [None, *moments], strict=False):
        if before is not None and before[3] and before[1] != minute:  # one transaction is in one page
            pages.append([])
        pages[-1].append(past(what, minute, key))
    assert told(replayed(AT_ONCE, ANYTHING, one_page)) == told(replayed(AT_ONCE, ANYTHING, *pages))


def told(summary: Summary) -> Any:
    return [(rule, tally.outcomes, tally.kinds) for rule, tally in sorted(summary.rules.items())]
