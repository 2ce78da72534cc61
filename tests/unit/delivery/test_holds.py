"""What becomes of messages that waited to be put together: the decision, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config import Settings
from config.quiet import QuietWindow
from config.rules import Rule
from daemon.delivery.lastlook import LastLook, Later
from daemon.delivery.release import Member, Release, release
from daemon.planning.policy import Policy
from daemon.policy import catalogue_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CATALOGUE = catalogue_of(Settings())
NIGHT = QuietWindow(start="11:00", end="14:00")


def look(*rules: Rule, online: bool = False, **more: Any) -> LastLook:
    made = Policy.of(rules, CATALOGUE, ("email",), timedelta(days=1))
    return LastLook(
        rules={(rule.event, rule.audience): rule for rule in rules},
        policy=replace(made, waiting=frozenset({"email"}), **more),
        online=lambda _: online,
    )


def member(number: int = 1, **changes: Any) -> Member:
    values: dict[str, Any] = {
        "id": number,
        "user_id": "v",
        "channel": "email",
        "address": "v@example.com",
        "hold": "digest:vendor",
        "expires_at": NOON + timedelta(hours=number),
        "zone": None,
        "locale": "en",
        "event_id": number,
        "event": "order.created",
        "subject": f"order:{number}",
        "audience": "vendor",
        "priority": "normal",
        "label": f"#{number}",
        "title": f"New order #{number}",
        "body": "",
        "text": "",
        "url": None,
        "step": 0,
        "critical": False,
        "seen": False,
        "newer": False,
        "own_zone": None,
        "quiet": None,
        "snoozed_until": None,
        "do_not_disturb": False,
        "reason": None,
    }
    return Member(**values | changes)


def let_go(*members: Member, by: LastLook | None = None, unmet: Any = None) -> Release:
    return release(members, CATALOGUE, by or look(), NOON, unmet or {})


def left_out(done: Release) -> dict[int, str]:
    return {number: reason for number, reason, _ in done.left_out}


def test_several_become_one_message_that_the_newest_carries() -> None:
    done = let_go(*map(member, (1, 2, 3)))
    ((leader, _, _),) = done.digests
    assert leader.id == 3
    assert done.left_out == [(1, "digested", "told with delivery 3"), (2, "digested", "told with delivery 3")]


def test_the_message_has_every_entry_in_order() -> None:
    done = let_go(*map(member, (3, 1, 2)))
    ((_, _, words),) = done.digests
    assert [words.body.index(f"#{number}") for number in (1, 2, 3)] == sorted(
        words.body.index(f"#{number}") for number in (1, 2, 3)
    )


def test_it_lives_as_long_as_the_entry_that_lives_longest() -> None:
    done = let_go(*map(member, (1, 9, 2)))
    ((_, until, _),) = done.digests
    assert until == NOON + timedelta(hours=9)


def test_one_alone_goes_out_with_its_own_words() -> None:
    done = let_go(member(5))
    assert done == Release(alone=[5])


@pytest.mark.parametrize("reason", ["read", "withdrawn", "expired", "preference"])
def test_what_need_not_be_told_any_more_is_left_out_with_its_reason(reason: str) -> None:
    done = let_go(member(1), member(2, reason=reason), member(3))
    assert left_out(done) == {1: "digested", 2: reason}


def test_what_is_left_alone_by_the_others_goes_out_with_its_own_words() -> None:
    done = let_go(member(1), member(2, reason="read"))
    assert (done.alone, done.digests, left_out(done)) == ([1], [], {2: "read"})


def test_where_nothing_is_left_nothing_is_sent() -> None:
    done = let_go(member(1, reason="read"), member(2, reason="withdrawn"))
    assert (done.alone, done.digests) == ([], [])


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "w"},
        {"channel": "sms"},
        {"address": "other@example.com"},
        {"hold": "digest:admins"},
    ],
    ids=["person", "channel", "address", "name"],
)
def test_what_waits_under_something_else_is_not_put_together(other: dict[str, str]) -> None:
    assert sorted(let_go(member(1), member(2, **other)).alone) == [1, 2]


def test_what_is_critical_carries_the_message() -> None:
    """A digest is told as its carrier is: nobody can switch that one off meanwhile."""
    done = let_go(member(1, critical=True), member(2))
    assert [leader.id for leader, _, _ in done.digests] == [1]
    assert left_out(done) == {2: "digested"}


def test_a_night_that_has_begun_meanwhile_is_waited_for() -> None:
    done = let_go(member(8), member(9), by=look(quiet=[NIGHT]))
    assert done.later == [(8, NOON.replace(hour=14)), (9, NOON.replace(hour=14))]


def test_a_snooze_that_was_set_meanwhile_is_waited_for() -> None:
    until = NOON + timedelta(minutes=20)
    assert let_go(member(1, snoozed_until=until)).later == [(1, until)]


def test_who_chose_not_to_be_disturbed_meanwhile_is_not_told_but_what_is_critical() -> None:
    done = let_go(member(1, do_not_disturb=True), member(2, do_not_disturb=True, critical=True))
    assert (done.alone, left_out(done)) == ([2], {1: "preference"})


def test_a_persons_choice_of_a_time_zone_counts_more_than_where_it_was_planned_for() -> None:
    own = member(9, own_zone="Asia/Tokyo", zone="Europe/Berlin", quiet='[{"start": "20:00", "end": "22:00"}]')
    assert let_go(own).later == [(9, datetime(2026, 11, 21, 13, tzinfo=UTC))]


@pytest.mark.parametrize("quiet", ["{}", '"night"', "[1]", "null", '[{"start": "99:99"}]', "[" * 100_000, "not JSON"])
def test_hours_that_cannot_be_read_are_nobodys(quiet: str) -> None:
    assert let_go(member(1, quiet=quiet, own_zone="Middle/Earth")).alone == [1]


def test_windows_that_never_open_are_waited_for_until_it_expires() -> None:
    always = [QuietWindow(start="00:00", end="12:00"), QuietWindow(start="12:00", end="24:00")]
    assert let_go(member(3), by=look(quiet=always)).later == [(3, NOON + timedelta(hours=3))]


def test_what_is_urgent_does_not_wait_for_the_night() -> None:
    assert let_go(member(1, priority="urgent"), by=look(quiet=[NIGHT])).alone == [1]


ESCALATION = Rule.model_validate(
    {
        "event": "order.created",
        "audience": "vendor",
        "steps": [
            {"channels": ["inbox"]},
            {"after": "1m", "unless": "seen", "channels": ["email"]},
            {"after": "1m", "unless": "online", "channels": ["email"]},
        ],
    }
)


def test_a_step_is_looked_at_again_when_the_night_is_over() -> None:
    done = let_go(member(1, step=1, seen=True), member(2, step=1), by=look(ESCALATION))
    assert (done.alone, left_out(done)) == ([2], {1: "condition"})


def test_who_is_online_in_the_morning_is_not_told_twice() -> None:
    done = let_go(member(1, step=2), by=look(ESCALATION, online=True))
    assert left_out(done) == {1: "condition"}


def test_a_later_step_of_an_older_status_is_superseded() -> None:
    done = let_go(member(1, step=1, newer=True), by=look(ESCALATION))
    assert left_out(done) == {1: "superseded"}


def test_what_was_to_be_told_at_once_is_told_though_something_newer_is_in_the_inbox() -> None:
    assert let_go(member(1, step=0, newer=True), by=look(ESCALATION)).alone == [1]


def test_a_condition_that_does_not_hold_leaves_its_entry_out() -> None:
    assert left_out(let_go(member(1), member(2), unmet={1: "condition"})) == {1: "condition"}


def test_a_condition_that_nobody_can_say_keeps_its_entry_waiting_and_not_the_others() -> None:
    done = let_go(member(1), member(2), unmet={1: Later(NOON + timedelta(seconds=10), "locked")})
    assert (done.alone, done.later) == ([2], [(1, NOON + timedelta(seconds=10))])
