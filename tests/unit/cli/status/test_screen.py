"""What is wrong, and how it looks."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from daemon.cli.status.screen import rate, screen, sparkline
from daemon.cli.status.values import (
    ChangeLog,
    ChannelFlow,
    Flow,
    Latency,
    Node,
    Planner,
    Provider,
    Queue,
    Standing,
    Status,
    Trouble,
)
from daemon.cli.status.verdict import said, size, troubles_of

PLANNER = Planner(True, "orderbell planner", "10.0.0.7", 7_000.0)
LOG = ChangeLog("orderbell_16384", True, True, "reserved", 12_000, None, 0.4)
WELL = Standing(
    datetime(2026, 11, 21, 18, 0, tzinfo=UTC),
    "shop",
    queues=(Queue("email", due=12, sending=200, oldest_seconds=0.4), Queue("sms", held=3)),
    planners=(PLANNER,),
    nodes=(Node("web-1:3af5eeb4", 1.0, 312),),
)
FLOW = Flow(
    60.0,
    12.3,
    Latency(0.0043, 0.023),
    {"email": ChannelFlow(120.0, 0.5, Latency(0.2, 1.2))},
    (Provider("email", "postmark", "well", 12.0),),
    1204,
    320.0,
    plans=True,
)


def names(standing: Standing, flow: Flow | None = FLOW, stale: tuple[str, ...] = ()) -> list[str]:
    return [trouble.name for trouble in troubles_of(standing, flow, lag_warning_bytes=1_000_000, stale=stale)]


def drawn(status: Status, width: int) -> str:
    stream = StringIO()
    Console(file=stream, width=width).print(screen(status, width, hint="q quits"))
    return stream.getvalue()


def test_when_all_is_well_nothing_is_wrong() -> None:
    assert names(WELL) == []


@pytest.mark.parametrize(
    ("standing", "name"),
    [
        (replace(WELL, planners=()), "nobody_plans"),
        (replace(WELL, planners=(replace(PLANNER, active=False),)), "nobody_plans"),
        (replace(WELL, changes_waiting=3, changes_oldest_seconds=61.0), "changes_late"),
        (replace(WELL, set_aside=1), "changes_set_aside"),
        (replace(WELL, queues=(Queue("sms", due=1, oldest_seconds=61.0),)), "deliveries_late"),
        (replace(WELL, change_log=replace(LOG, exists=False, active=False)), "slot_lost"),
        (replace(WELL, change_log=replace(LOG, state="lost")), "slot_lost"),
        (replace(WELL, change_log=replace(LOG, active=False)), "slot_not_read"),
        (replace(WELL, change_log=replace(LOG, lag_bytes=1_000_001)), "slot_lags"),
    ],
)
def test_what_is_wrong_has_a_name(standing: Standing, name: str) -> None:
    assert names(standing) == [name]


def test_a_provider_that_is_down_is_wrong_and_one_that_is_tried_again_is_not() -> None:
    assert names(WELL, replace(FLOW, providers=(Provider("sms", "twilio", "down"),))) == ["provider_down"]
    assert names(WELL, replace(FLOW, providers=(Provider("sms", "twilio", "trying"),))) == []


def test_a_watch_without_its_triggers_is_wrong() -> None:
    assert names(WELL, stale=("orders",)) == ["watch_not_installed"]


def test_what_waits_for_a_short_while_is_well() -> None:
    assert names(replace(WELL, changes_waiting=9, changes_oldest_seconds=2.0, change_log=LOG)) == []


def test_without_metrics_the_database_still_says_what_it_knows() -> None:
    assert names(WELL, None) == []
    assert "web-1:3af5eeb4" in drawn(Status(WELL, None, ()), 80)


FULL = Status(
    replace(WELL, change_log=LOG, changes_waiting=12_345, changes_oldest_seconds=1.0, set_aside=123),
    replace(FLOW, providers=(Provider("email", "postmark", "down"), Provider("sms", "twilio", "well", 1.0, 30.0))),
    (Trouble("provider_down", "email: postmark is down; the log says why"),),
    ("no rates: nothing answers",),
    tuple(float(number) for number in range(60)),
)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("status", [Status(WELL, FLOW, ()), FULL], ids=["well", "full"])
def test_nothing_is_cut_off(status: Status, width: int) -> None:
    text = drawn(status, width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())


def test_a_calm_screen_fits_the_smallest_terminal() -> None:
    assert len(drawn(Status(WELL, FLOW, ()), 80).splitlines()) <= 23


def test_colours_are_for_what_is_wrong_only() -> None:
    def colours(status: Status) -> bool:
        stream = StringIO()
        Console(file=stream, width=80, force_terminal=True, color_system="standard").print(screen(status, 80))
        return "\x1b[31m" in stream.getvalue() or ";31m" in stream.getvalue()

    assert not colours(Status(WELL, FLOW, ()))
    assert colours(FULL)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),  # noqa: RUF001 - as it is shown
        (0.0, "0.0 ms"),
        (0.0043, "4.3 ms"),
        (0.023, "23 ms"),
        (0.4, "0.4 s"),
        (12, "12 s"),
        (180, "3 min"),
        (18_000, "5 h"),
        (200_000, "2 d"),
    ],
)
def test_times_are_short(seconds: float | None, text: str) -> None:
    assert said(seconds) == text


@given(st.floats(0, 1e9))
def test_every_time_is_short(seconds: float) -> None:
    assert len(said(seconds)) <= 7


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (12_000, "12.0 kB"), (2_400_000_000, "2.4 GB"), (None, "0 B")])
def test_sizes_are_short(count: int | None, text: str) -> None:
    assert size(count) == text


def test_rates_of_nothing_do_not_shout() -> None:
    assert [rate(value) for value in (None, 0, 0.01, 0.5, 12.34, 1234.5)] == ["–", "–", "–", "0.5", "12.3", "1,234"]  # noqa: RUF001


@given(st.lists(st.floats(0, 1e6), max_size=80), st.integers(1, 60))
def test_a_sparkline_is_as_long_as_what_it_shows(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert line == "" or len(line) == min(len(values), width)
