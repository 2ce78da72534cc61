"""When a message may go out: by example, and against a person who looks at the clock every minute."""

import random
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.quiet import WEEK, QuietWindow, known_zones
from daemon.planning.quiet import NEVER, quiet_until, zone_of

NIGHTS = QuietWindow()
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60


def until(zone: str, now: str, *windows: QuietWindow) -> str | None:
    """The answer as the wall shows it; ``now`` is wall time with its offset, to tell the two of an overlap apart."""
    answer = quiet_until(windows, ZoneInfo(zone), datetime.fromisoformat(now))
    assert answer is None or answer.tzinfo is UTC
    return answer.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") if answer else None


def window(start: str, end: str, *days: str) -> QuietWindow:
    # Unchecked: also what no configuration may say has an answer.
    return QuietWindow.model_construct(start=start, end=end, days=tuple(day for day in WEEK if day in (days or WEEK)))


# By example


def test_without_windows_a_message_may_always_go_out() -> None:
    assert until("Europe/Berlin", "2026-06-01T23:00+02:00") is None


@pytest.mark.parametrize("now", ["2026-06-01T22:00+02:00", "2026-06-02T06:59:59.999999+02:00"])
def test_a_night_lasts_until_the_morning(now: str) -> None:
    assert until("Europe/Berlin", now, NIGHTS) == "2026-06-02T07:00+02:00"


@pytest.mark.parametrize("now", ["2026-06-01T21:59:59.999999+02:00", "2026-06-02T07:00+02:00"])
def test_a_night_is_closed_at_its_start_and_open_at_its_end(now: str) -> None:
    assert until("Europe/Berlin", now, NIGHTS) is None


def test_the_zone_of_now_does_not_matter() -> None:
    now = datetime(2026, 6, 1, 22, tzinfo=BERLIN)
    assert quiet_until([NIGHTS], BERLIN, now) == quiet_until([NIGHTS], BERLIN, now.astimezone(ZoneInfo("Asia/Tokyo")))


def test_a_window_belongs_to_the_day_it_starts_on() -> None:
    friday = window("22:00", "07:00", "fri")
    assert until("Europe/Berlin", "2026-06-05T06:00+02:00", friday) is None
    assert until("Europe/Berlin", "2026-06-05T23:00+02:00", friday) == "2026-06-06T07:00+02:00"
    assert until("Europe/Berlin", "2026-06-06T06:00+02:00", friday) == "2026-06-06T07:00+02:00"
    assert until("Europe/Berlin", "2026-06-06T23:00+02:00", friday) is None


def test_a_window_of_sunday_reaches_into_the_next_week() -> None:
    assert until("Europe/Berlin", "2026-06-08T01:00+02:00", window("20:00", "06:00", "sun")) == "2026-06-08T06:00+02:00"


@pytest.mark.parametrize(
    "windows",
    [
        (window("22:00", "24:00"), window("00:00", "07:00")),
        (window("00:00", "07:00"), window("22:00", "00:00")),
        (window("21:00", "02:00"), window("01:00", "03:00"), window("03:00", "07:00")),
    ],
)
def test_windows_that_touch_or_overlap_are_one(windows: Sequence[QuietWindow]) -> None:
    assert until("Europe/Berlin", "2026-06-01T23:00+02:00", *windows) == "2026-06-02T07:00+02:00"


def test_a_window_that_ends_when_it_starts_lasts_a_day() -> None:
    saturday = window("18:00", "18:00", "sat")
    assert until("Europe/Berlin", "2026-06-06T17:59+02:00", saturday) is None
    assert until("Europe/Berlin", "2026-06-06T18:00+02:00", saturday) == "2026-06-07T18:00+02:00"


def test_days_in_a_row_are_one() -> None:
    weekend = (window("00:00", "24:00", "sat", "sun"), NIGHTS)
    assert until("Europe/Berlin", "2026-06-05T22:00+02:00", *weekend) == "2026-06-08T07:00+02:00"


@pytest.mark.parametrize(
    "windows",
    [
        (window("00:00", "24:00"),),
        (window("07:30", "07:30"),),
        (window("22:00", "07:00"), window("07:00", "22:00")),
        (window("12:00", "12:00", "mon", "wed", "fri", "sun"), window("12:00", "12:00", "tue", "thu", "sat")),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Africa/Casablanca"])
def test_windows_that_never_open_say_so(zone: str, windows: Sequence[QuietWindow]) -> None:
    for weeks in range(53):
        now = datetime(2026, 1, 1, tzinfo=UTC) + weeks * timedelta(days=6.9)
        assert quiet_until(windows, ZoneInfo(zone), now) == NEVER


def test_never_can_be_told_in_every_zone() -> None:
    assert {NEVER.astimezone(ZoneInfo(zone)).year for zone in known_zones()} == {9998, 9999}


def test_one_open_minute_in_a_week_is_found() -> None:
    nearly_all = (window("12:01", "12:01", "mon", "tue", "wed", "thu", "fri", "sat"), window("12:01", "12:00", "sun"))
    assert until("UTC", "2026-06-01T12:01+00:00", *nearly_all) == "2026-06-08T12:00+00:00"


def test_an_open_hour_that_a_gap_takes_away_comes_a_week_later() -> None:
    """Sunday from 02:00 to 03:00, which on 30 March 2025 there is not."""
    but_an_hour = (window("03:00", "03:00", "sun", "mon", "tue", "wed", "thu", "fri"), window("03:00", "02:00", "sat"))
    assert until("Europe/Berlin", "2025-03-24T12:00+01:00", *but_an_hour) == "2025-04-06T02:00+02:00"


def test_a_start_in_the_spring_gap_is_the_first_instant_after_it() -> None:
    early = window("02:30", "06:00")
    assert until("Europe/Berlin", "2025-03-30T01:59+01:00", early) is None
    assert until("Europe/Berlin", "2025-03-30T03:00+02:00", early) == "2025-03-30T06:00+02:00"


def test_an_end_in_the_spring_gap_is_the_first_instant_after_it() -> None:
    late = window("22:00", "02:30")
    assert until("Europe/Berlin", "2025-03-30T01:59+01:00", late) == "2025-03-30T03:00+02:00"
    assert until("Europe/Berlin", "2025-03-30T03:00+02:00", late) is None


def test_a_window_within_the_spring_gap_does_not_happen() -> None:
    assert until("Europe/Berlin", "2025-03-30T03:00+02:00", window("02:10", "02:50")) is None


@pytest.mark.parametrize("now", ["2025-11-02T01:30-04:00", "2025-11-02T01:00-05:00", "2025-11-02T01:44-05:00"])
def test_an_end_in_the_autumn_overlap_is_its_second_occurrence(now: str) -> None:
    assert until("America/New_York", now, window("22:00", "01:45")) == "2025-11-02T01:45-05:00"


@pytest.mark.parametrize("now", ["2025-11-02T01:15-04:00", "2025-11-02T01:59-04:00", "2025-11-02T01:00-05:00"])
def test_a_start_in_the_autumn_overlap_is_its_first_occurrence(now: str) -> None:
    assert until("America/New_York", now, window("01:15", "04:00")) == "2025-11-02T04:00-05:00"


def test_a_window_within_the_autumn_overlap_happens_once_and_in_one_piece() -> None:
    short = window("01:15", "01:45")
    assert until("America/New_York", "2025-11-02T01:14-04:00", short) is None
    assert until("America/New_York", "2025-11-02T01:50-04:00", short) == "2025-11-02T01:45-05:00"
    assert until("America/New_York", "2025-11-02T01:45-05:00", short) is None


def test_lord_howe_turns_its_clocks_by_half_an_hour() -> None:
    assert until("Australia/Lord_Howe", "2025-04-06T01:50+11:00", window("22:00", "01:45")) == "2025-04-06T01:45+10:30"
    assert until("Australia/Lord_Howe", "2025-10-05T01:59+10:30", window("22:00", "02:15")) == "2025-10-05T02:30+11:00"


def test_a_day_may_begin_at_one() -> None:
    """In Cairo the clock goes from 23:59 to 01:00 on the last Friday of April."""
    assert until("Africa/Cairo", "2025-04-24T23:59+02:00", window("22:00", "24:00")) == "2025-04-25T01:00+03:00"
    friday = window("00:00", "09:00", "fri")
    assert until("Africa/Cairo", "2025-04-24T23:59+02:00", friday) is None
    assert until("Africa/Cairo", "2025-04-25T01:00+03:00", friday) == "2025-04-25T09:00+03:00"


def test_midnight_may_come_twice() -> None:
    """In Havana the clock goes from 00:59 back to 00:00 on the first Sunday of November."""
    evening = window("22:00", "24:00", "sat")
    assert until("America/Havana", "2025-11-01T23:00-04:00", evening) == "2025-11-02T00:00-05:00"
    assert until("America/Havana", "2025-11-02T00:59-04:00", evening) == "2025-11-02T00:00-05:00"


def test_a_day_that_is_skipped_begins_when_it_is_over() -> None:
    """Samoa had no 30 December 2011, a Friday: its night is what is left of it on Saturday."""
    assert until("Pacific/Apia", "2011-12-29T23:00-10:00", window("22:00", "07:00", "thu")) == "2011-12-31T00:00+14:00"
    assert until("Pacific/Apia", "2011-12-31T00:00+14:00", window("22:00", "07:00", "fri")) == "2011-12-31T07:00+14:00"
    assert until("Pacific/Apia", "2011-12-31T00:00+14:00", window("08:00", "20:00", "fri")) is None


def test_the_first_known_zone_counts() -> None:
    assert zone_of("", "Mars/Olympus", "Asia/Kathmandu", "UTC", default=BERLIN).key == "Asia/Kathmandu"


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "/", "../../etc/passwd", "/etc/localtime", "localtime", "Europe", "Europe/Berlin/", "zone.tab",
     "posix/Europe/Berlin", "Europe/Berlin\0", "\ud800", "x" * 1_000_000, "europe/berlin"],
    ids=lambda name: name[:12].encode("unicode-escape").decode(),
)  # fmt: skip
def test_what_is_not_a_zone_is_passed_over(name: str) -> None:
    assert zone_of(name, default=BERLIN) is BERLIN


@given(st.text())
def test_no_name_of_a_zone_fails(name: str) -> None:
    assert zone_of(name, default=BERLIN).key in known_zones()


# Against a clock that is looked at every minute


@dataclass(frozen=True)
class Walk:
    """What the clock on the wall of a zone shows at each minute from ``since`` on, in minutes of the calendar."""

    since: datetime
    latest_yet: Sequence[int]
    """The latest that it has shown until this minute."""
    earliest_yet: Sequence[int]
    """The earliest that it shows from this minute on."""

    @classmethod
    def along(cls, zone: ZoneInfo, since: datetime, days: int) -> "Walk":
        """A look at the clock each minute for so many days."""
        looks = range(int(since.timestamp()), int((since + days * DAY).timestamp()), 60)
        walls = (datetime.fromtimestamp(look, zone) for look in looks)
        shown = [wall.toordinal() * DAY_MINUTES + wall.hour * 60 + wall.minute for wall in walls]
        return cls(since, array("i", accumulate(shown, max)), array("i", accumulate(reversed(shown), min))[::-1])

    def is_closed(self, minute: int, windows: Sequence["Hours"]) -> bool:
        """A window is closed when the clock has shown its start, or later, and the last of its end is to come: the
        clock shows, or will show, what is before its end, or it will show its end.
        """
        latest, earliest, then = self.latest_yet[minute], self.earliest_yet[minute], self.earliest_yet[minute + 1]
        return any(
            day * DAY_MINUTES + start <= latest
            and (earliest < day * DAY_MINUTES + end or then <= day * DAY_MINUTES + end)
            for start, end, days in windows
            for day in range(earliest // DAY_MINUTES - 2, latest // DAY_MINUTES + 1)
            if date.fromordinal(day).weekday() in days
        )

    def opens(self, now: datetime, windows: Sequence[QuietWindow]) -> datetime | None:
        """None where it is open; ``horizon`` where it is closed for as long as the walk can tell."""
        minute = first = (now - self.since) // MINUTE
        hours = [hours_of(each) for each in windows]
        while self.since + minute * MINUTE < self.horizon and self.is_closed(minute, hours):
            minute += 1
        return None if minute == first else self.since + minute * MINUTE

    @property
    def horizon(self) -> datetime:
        """A day before its end: what comes after it could turn the last day back."""
        return self.since + (len(self.latest_yet) - DAY_MINUTES) * MINUTE


Hours = tuple[int, int, frozenset[int]]


def hours_of(window: QuietWindow) -> Hours:
    """Start and end in minutes from the midnight before the start, and the weekdays on which it starts."""
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (window.start, window.end))
    return start, end if end > start else end + DAY_MINUTES, frozenset(map(WEEK.index, window.days))


def assert_as_seen(walk: Walk, zone: ZoneInfo, windows: Sequence[QuietWindow], now: datetime) -> None:
    seen, answer = walk.opens(now, windows), quiet_until(windows, zone, now)
    if seen == walk.horizon:
        assert answer is not None
        assert answer >= seen, f"{zone} {now.astimezone(zone)} {windows}"
    else:
        assert answer == seen, f"{zone} {now.astimezone(zone)} {windows}"


@cache
def turns(zone: str) -> tuple[datetime, ...]:
    """The minutes from 2024 to 2030 at which the offset of ``zone`` changes."""
    info = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(info).utcoffset()

    days = [datetime(2024, 1, 1, tzinfo=UTC) + n * DAY for n in range(7 * 365 + 3)]
    offsets = [offset(day) for day in days]
    return tuple(
        day + bisect_left(range(DAY_MINUTES), True, key=lambda n: offset(day + n * MINUTE) == after) * MINUTE
        for day, (before, after) in zip(days, pairwise(offsets), strict=False)
        if before != after
    )


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def windows_around(turn: datetime, zone: ZoneInfo, chance: random.Random) -> tuple[QuietWindow, ...]:
    """One to three, most of which start or end within an hour or two of what the clock shows at ``turn``."""

    def time_of_day(longest: int) -> str:
        wall = (turn + chance.choice((-MINUTE, timedelta()))).astimezone(zone)
        near = wall.hour * 60 + wall.minute + chance.choice((-60, -30, -1, 0, 1, 15, 30, 60, chance.randint(-130, 130)))
        return clock(near % DAY_MINUTES if chance.random() < 0.7 else chance.randrange(longest))

    def days() -> Iterable[str]:
        return WEEK if chance.random() < 0.5 else chance.sample(WEEK, chance.randint(1, 6))

    return tuple(
        window(time_of_day(DAY_MINUTES), time_of_day(DAY_MINUTES + 1), *days()) for _ in range(chance.randint(1, 3))
    )


WALKS: dict[tuple[datetime, tuple[timedelta | None, ...]], Walk] = {}
"""Many zones turn their clocks together; one walk does for all that have the same offsets around the same turn."""


def assert_as_seen_around(turn: datetime, zone: ZoneInfo, *, moments: int, chance: random.Random) -> None:
    since = turn - timedelta(hours=32)
    offsets = tuple((since + n * timedelta(hours=1)).astimezone(zone).utcoffset() for n in range(4 * 24))
    if (turn, offsets) not in WALKS:
        WALKS[turn, offsets] = Walk.along(zone, since, days=4)
    walk = WALKS[turn, offsets]
    for _ in range(moments):
        reach = chance.choice((5, 130, 30 * 60))
        now = turn + chance.randint(-reach, reach) * MINUTE + chance.choice((0, 0, 1, 59)) * timedelta(seconds=1)
        assert_as_seen(walk, zone, windows_around(turn, zone, chance), now)


AREAS = sorted({name.partition("/")[0] for name in available_timezones() if "/" in name})


@pytest.mark.parametrize("area", [*AREAS, ""])
def test_every_zone_that_turns_its_clocks_is_right_around_every_turn(area: str) -> None:
    zones = [zone for zone in sorted(known_zones()) if (zone.partition("/")[0] if "/" in zone else "") == area]
    for zone in zones:
        chance = random.Random(zone)
        for turn in turns(zone):
            assert_as_seen_around(turn, ZoneInfo(zone), moments=1, chance=chance)


@pytest.mark.parametrize(
    ("zone", "turn"),
    [
        ("Pacific/Apia", "2011-12-30T10:00+00:00"),  # a day left out
        ("Pacific/Kwajalein", "1993-08-21T12:00+00:00"),  # a day left out
        ("Pacific/Kwajalein", "1969-09-30T13:00+00:00"),  # nearly a day lived twice
        ("America/Sao_Paulo", "2018-11-04T03:00+00:00"),  # no midnight
        ("America/Sao_Paulo", "2018-02-18T02:00+00:00"),  # from midnight back to 23:00
        ("Asia/Beirut", "2022-03-26T22:00+00:00"),
        ("Asia/Pyongyang", "2018-05-04T15:00+00:00"),  # half an hour at 23:30
        ("Asia/Kathmandu", "1985-12-31T18:30+00:00"),  # a quarter of an hour at midnight
        ("America/Caracas", "2016-05-01T07:00+00:00"),
        ("Antarctica/Troll", "2020-03-29T01:00+00:00"),  # two hours
        ("Asia/Almaty", "2024-02-29T18:00+00:00"),
    ],
)
def test_odd_turns_of_the_past_are_right(zone: str, turn: str) -> None:
    at, info = datetime.fromisoformat(turn), ZoneInfo(zone)
    assert (at - MINUTE).astimezone(info).utcoffset() != at.astimezone(info).utcoffset()
    assert_as_seen_around(at, info, moments=60, chance=random.Random(zone))


times = st.integers(0, DAY_MINUTES - 1).map(clock)
some_windows = st.lists(
    st.builds(
        lambda start, end, days: window(start, end, *days),
        times,
        times | st.just("24:00"),
        st.lists(st.sampled_from(WEEK), min_size=1, unique=True),
    ),
    min_size=1,
    max_size=3,
)


@given(
    zone=st.sampled_from(sorted(known_zones())),
    windows=some_windows,
    near=st.integers(0, 20),
    away=st.integers(-3 * DAY_MINUTES, 3 * DAY_MINUTES) | st.integers(-200, 200),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_windows_in_any_zone_open_when_the_clock_says_so(
    zone: str, windows: list[QuietWindow], near: int, away: int
) -> None:
    around = turns(zone) or (datetime(2026, 1, 1, tzinfo=UTC),)
    now = around[near % len(around)] + away * MINUTE
    assert_as_seen(Walk.along(ZoneInfo(zone), now - 2 * DAY, days=13), ZoneInfo(zone), windows, now)
