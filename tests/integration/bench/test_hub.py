"""The benchmark of the hub measures what it says: few connections, short rounds, without Django."""

import json
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from bench.hub import verdict
from bench.hub.client import Visitor
from bench.hub.contest import Session, rounds, session
from bench.hub.entrants import LIMIT, Entrant, compiled, library, limit, orderbell
from bench.hub.processes import Cores, Server

PEOPLE = 20


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    # Longer than a loaded machine stops for: the shares of a core are counted in hundredths of a second.
    run = partial(session, seconds=2.5, cores=Cores())
    return list(rounds([PEOPLE], 1, [orderbell(), library()], (), run))


def test_everybody_gets_announcements_and_notifications_of_their_own(sessions: list[Session]) -> None:
    assert [one.entrant for one in sessions] == ["orderbell", "websockets"]
    for one in sessions:
        assert one.people == PEOPLE
        assert min(one.per_second.values()) > PEOPLE
        assert min(busy for shares in one.busy.values() for busy in shares) > 0


def test_both_servers_send_frames_of_the_same_size(sessions: list[Session]) -> None:
    ours, library = sessions
    assert ours.frame_bytes == library.frame_bytes == {"announcement": 300, "notification": 369}


def test_a_bare_server_in_c_sends_the_same_frames(sessions: list[Session], tmp_path: Path) -> None:
    found = session(limit(compiled(tmp_path)), PEOPLE, seconds=1.0, cores=Cores())
    assert found.frame_bytes == sessions[0].frame_bytes
    assert min(found.per_second.values()) > PEOPLE


def test_the_report_has_medians_ratios_and_goals(sessions: list[Session], capsys: pytest.CaptureFixture[str]) -> None:
    verdict.report(sessions, {"python": "3"}, {"rounds": 1}).print()
    line = json.loads(capsys.readouterr().out)
    assert line["benchmark"] == "hub"
    rates = line["medians"]["messages_per_cpu_second"]["announcement"][str(PEOPLE)]
    assert rates.keys() == {"orderbell", "websockets"}
    ratio = line["ratios"]["announcement"][str(PEOPLE)]["websockets"]
    assert ratio == pytest.approx(rates["orderbell"] / rates["websockets"], rel=0.01)
    assert not any("Channels" in row["goal"] or " C " in row["goal"] for row in line["rows"])  # they did not take part


def with_rate(entrant: str, per_second: float) -> Session:
    both = {"announcement": per_second, "notification": per_second}
    return Session(entrant, PEOPLE, both, 10.0, 1.0, 1.0, {"announcement": 300}, dict.fromkeys(both, (1.0, 0.1)))


@pytest.mark.parametrize(("ours", "met"), [(31.0, True), (29.0, False)])
def test_a_goal_is_judged_beside_the_better_of_two_layers(ours: float, met: bool) -> None:  # noqa: FBT001
    found = [with_rate("orderbell", ours), with_rate("channels slow", 0.5), with_rate("channels quick", 1.0)]
    rows = verdict.report(found, {}, {}).rows
    assert [row.met for row in rows if row.goal == "at least 30 times Channels"] == [met]


@pytest.mark.parametrize(("ours", "met"), [(0.8, True), (0.79, False)])
def test_fan_out_is_judged_beside_the_limit(ours: float, met: bool) -> None:  # noqa: FBT001
    rows = verdict.report([with_rate("orderbell", ours), with_rate(LIMIT, 1.0)], {}, {}).rows
    assert [row.met for row in rows if "bare server" in row.goal] == [met]


def refuse(cores: Cores, people: int) -> AbstractContextManager[Server]:
    raise AssertionError("nobody is started here")


def test_only_the_best_on_trial_goes_on() -> None:
    rates = {"ours": 3.0, "slow": 1.0, "quick": 2.0}
    ours, slow, quick = (Entrant(name, Visitor(lambda _: "/"), refuse) for name in rates)

    def run(entrant: Entrant, people: int) -> Session:
        return with_rate(entrant.name, rates[entrant.name])

    found = rounds([1, 2], 2, [ours], [slow, quick], run)
    assert [one.entrant for one in found] == ["ours", "slow", "quick", *["ours", "quick"] * 3]
