"""Who sleeps is not woken: what comes at night waits for the morning, where they live."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from config.quiet import QuietWindow
from daemon.planning.quiet import quiet_until
from daemon.planning.timing import QUIET, open_from
from daemon.planning.values import Plan
from tests.unit.planning.shop import CHANNELS, NOON, event, events_of, person, planned, policy, rule, skipped

NIGHT = QuietWindow(start="22:00", end="07:00")
ALWAYS = (QuietWindow(start="00:00", end="12:00"), QuietWindow(start="12:00", end="24:00"))
BERLIN = ZoneInfo("Europe/Berlin")
ON_ALL = rule(channels=["inbox", *CHANNELS])
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
MORNING = MIDNIGHT.replace(hour=7)


def due(made: Plan) -> set[datetime]:
    return {d.due_at for d in made.deliveries}


def test_what_comes_at_night_waits_for_the_morning() -> None:
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), now=MIDNIGHT)
    assert due(made) == {MORNING}
    assert {d.hold for d in made.deliveries} == {QUIET}


def test_what_comes_by_day_does_not_wait() -> None:
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), now=NOON)
    assert {(d.due_at, d.hold) for d in made.deliveries} == {(NOON, None)}


def test_the_inbox_does_not_wait() -> None:
    made = planned([event()], policy(rule(channels=["inbox"]), quiet=[NIGHT]), now=MIDNIGHT)
    assert len(made.notifications) == 1
    assert made.deliveries == ()


def test_what_is_urgent_does_not_wait() -> None:
    made = planned([event()], policy(rule(priority="urgent"), quiet=[NIGHT]), now=MIDNIGHT)
    assert due(made) == {MIDNIGHT}


def test_a_channel_that_wakes_nobody_does_not_wait() -> None:
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT], waiting=frozenset({"sms"})), now=MIDNIGHT)
    assert {d.channel for d in made.deliveries if d.due_at > MIDNIGHT} == {"sms"}


def test_a_step_that_would_come_at_night_waits_for_the_morning() -> None:
    own = rule(steps=[{"after": "10m", "channels": ["sms"]}])
    made = planned([event()], policy(own, quiet=[NIGHT]), now=datetime(2026, 11, 21, 21, 55, tzinfo=UTC))
    assert due(made) == {MORNING}


def test_a_step_that_comes_in_the_morning_does_not_wait_for_the_next() -> None:
    own = rule(steps=[{"after": "8h", "channels": ["sms"]}])
    made = planned([event()], policy(own, quiet=[NIGHT]), now=MIDNIGHT)
    assert due(made) == {MIDNIGHT.replace(hour=8)}


def test_a_persons_own_hours_take_the_place_of_everybodys() -> None:
    late = QuietWindow(start="23:00", end="10:00")
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), person(quiet=(late,)), now=MIDNIGHT)
    assert due(made) == {MIDNIGHT.replace(hour=10)}


def test_who_has_chosen_no_quiet_hours_is_told_at_night() -> None:
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), person(quiet=()), now=MIDNIGHT)
    assert due(made) == {MIDNIGHT}


@pytest.mark.parametrize(
    ("own", "audiences", "hour"),
    [
        ("Europe/Berlin", "Asia/Tokyo", 6),
        ("", "Europe/Berlin", 6),
        ("Middle/Earth", "Europe/Berlin", 6),
        ("Middle/Earth", "../../etc/passwd", 7),
        ("", "", 7),
    ],
    ids=["their own", "their audience's", "theirs is garbage", "both are garbage", "none"],
)
def test_the_hours_are_those_of_the_place_where_a_person_lives(own: str, audiences: str, hour: int) -> None:
    by = policy(ON_ALL, quiet=[NIGHT], zones={"customer": audiences})
    made = planned([event()], by, person(time_zone=own), now=MIDNIGHT)
    assert due(made) == {MIDNIGHT.replace(hour=hour)}


def test_a_snooze_ends_when_it_says() -> None:
    until = NOON + timedelta(minutes=20)
    made = planned([event()], policy(ON_ALL), person(snoozed_until=until))
    assert due(made) == {until}


def test_a_snooze_that_is_over_counts_no_more() -> None:
    made = planned([event()], policy(ON_ALL), person(snoozed_until=NOON - timedelta(minutes=20)))
    assert due(made) == {NOON}


def test_a_snooze_that_ends_at_night_goes_on_until_the_morning() -> None:
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), person(snoozed_until=MIDNIGHT), now=NOON)
    assert due(made) == {MORNING}


def test_a_night_that_ends_in_a_snooze_goes_on_until_its_end() -> None:
    late = MORNING + timedelta(hours=2)
    made = planned([event()], policy(ON_ALL, quiet=[NIGHT]), person(snoozed_until=late), now=MIDNIGHT)
    assert due(made) == {late}


def test_windows_that_never_open_end_as_expired() -> None:
    made = planned([event()], policy(ON_ALL, quiet=ALWAYS))
    assert skipped(made) == [(channel, "expired") for channel in CHANNELS]


def test_what_would_be_outdated_in_the_morning_is_expired() -> None:
    made = planned([event()], policy(rule(expires_after_seconds=60), quiet=[NIGHT]), now=MIDNIGHT)
    assert skipped(made) == [("email", "expired")]


def test_a_snooze_to_the_end_of_the_calendar_is_no_error() -> None:
    end = datetime(9998, 12, 31, tzinfo=UTC)
    assert open_from(NOON, ALWAYS, BERLIN, end) >= end


STATUSES = ("confirmed", "preparing", "ready", "picked_up", "delivered")


def test_five_statuses_in_the_night_when_the_clocks_go_back_are_one_message_at_seven() -> None:
    """Berlin, 24 to 25 October 2026: at 03:00 it is 02:00 again, so the night is an hour longer."""
    rules = [rule(what, channels=["inbox", "webpush"]) for what in STATUSES]
    evening = datetime(2026, 10, 24, 22, tzinfo=BERLIN).astimezone(UTC)
    asleep = person(time_zone="Europe/Berlin", quiet=(NIGHT,))
    night = [evening + timedelta(hours=hours) for hours in (0, 3, 4, 5, 9)]
    assert [at.astimezone(BERLIN).hour for at in night] == [22, 1, 2, 2, 6], "two o'clock comes twice"
    plans = [planned([event(what)], policy(*rules), asleep, now=at) for what, at in zip(STATUSES, night, strict=True)]
    assert {at.astimezone(BERLIN).isoformat() for made in plans for at in due(made)} == {"2026-10-25T07:00:00+01:00"}
    assert {d.hold for made in plans for d in made.deliveries} == {QUIET}


def test_five_statuses_planned_at_once_in_the_night_are_one_message() -> None:
    rules = [rule(what, channels=["inbox", "webpush"]) for what in STATUSES]
    made = planned([event(what) for what in STATUSES], policy(*rules, quiet=[NIGHT]), now=MIDNIGHT)
    assert events_of(made) == ["delivered"]
    assert len(made.notifications) == 5


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"])
def test_no_minute_of_the_years_nights_lets_anything_through(zone: str) -> None:
    """Every quarter of an hour around the changes of clocks."""
    where = ZoneInfo(zone)
    year = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(365 * 96)]
    turns = [b for a, b in pairwise(year) if a.astimezone(where).utcoffset() != b.astimezone(where).utcoffset()]
    assert turns
    for turn in turns:
        for quarter in range(-96, 96):
            at = turn + timedelta(minutes=15 * quarter)
            opens = open_from(at, [NIGHT], where)
            assert quiet_until([NIGHT], where, opens) is None
            assert opens - at <= timedelta(hours=10)
