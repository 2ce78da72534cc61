"""How far a delivery has come, in words."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.rules import Rule
from daemon.explain.progress import why_ended, why_waiting
from daemon.explain.records import PersonRow
from tests.unit.explain.cases import MOMENT, NOON, at, finished, waiting

BERLIN = ZoneInfo("Europe/Berlin")

SINCE = "due since 11:51:00 (12:51 in Europe/Berlin), and no daemon has taken it up"


@pytest.mark.parametrize(
    ("row", "error", "said"),
    [
        ({}, "", "12:01:00 by first"),
        ({"provider": None}, "", "12:01:00"),
        ({"provider_id": "SM1"}, "", "12:01:00 by first (id SM1)"),
        ({"provider_id": "https://push.example.net/m/x7"}, "", "12:01:00 by first (id x7)"),
        ({"state": "delivered", "reported_at": at(2)}, "", "12:02:00, sent 12:01:00 by first"),
        ({"state": "failed"}, "no", "12:01:00 by first: no"),
        ({"state": "failed"}, "", "12:01:00 by first: no reason was given"),
        ({"state": "failed", "attempt": 3}, "no", "12:01:00 by first, after 3 attempts: no"),
        ({"state": "failed", "reported_at": at(2)}, "no", "12:02:00, came back: no; sent 12:01:00 by first"),
    ],
)
def test_what_has_ended(row: dict[str, Any], error: str, said: str) -> None:
    assert why_ended(finished(**row), error, MOMENT, takes_back=False) == said


def test_what_takes_back_says_so() -> None:
    assert why_ended(finished(), "", MOMENT, takes_back=True).endswith(", to take back what the device shows")


def why(rule: Rule | None = None, person: PersonRow | None = None, error: str = "", **row: Any) -> str:
    return why_waiting(waiting(**row), error, rule, person, BERLIN, NOON, MOMENT)


@pytest.mark.parametrize(
    ("row", "error", "said"),
    [
        ({}, "", "due 13:00:00 (14:00 in Europe/Berlin)"),
        ({"hold": "quiet"}, "", "held by quiet hours until 13:00:00 (14:00 in Europe/Berlin)"),
        ({}, "quiet hours", "held by quiet hours until 13:00:00 (14:00 in Europe/Berlin)"),
        ({"hold": "digest:customer"}, "", "waits for its digest, which closes 13:00:00 (14:00 in Europe/Berlin)"),
        ({"attempt": 2}, "no", "next attempt 13:00:00 (14:00 in Europe/Berlin), after 2 attempts: no"),
        ({"due_at": at(-9)}, "", SINCE),
        (
            {"due_at": at(-9), "attempt": 1, "uncertain": True},
            "no",
            f"{SINCE}, after 1 attempt: no; an earlier attempt may have been sent",
        ),
        ({"state": "sending", "attempt": 2, "leased_by": "n1"}, "", "attempt 2 by n1, leased until 13:00:00"),
        (
            {"state": "sending", "attempt": 2, "due_at": at(-1)},
            "",
            "attempt 2; its lease ran out at 11:59:00, so any daemon takes it up",
        ),
    ],
)
def test_what_is_still_to_do(row: dict[str, Any], error: str, said: str) -> None:
    assert why(error=error, **row) == said


def test_a_snooze_is_said_to_be_one() -> None:
    person = PersonRow("u1", None, at(60), False, NOON)
    said = why(person=person, hold="quiet")
    assert said == "held until 13:00:00 (14:00 in Europe/Berlin), as they asked (snoozed)"


def test_a_later_step_says_what_it_is_for() -> None:
    steps = [{"channels": ["inbox"]}, {"channels": ["email"], "after": "2m", "unless": "read"}]
    rule = Rule.model_validate({"event": "order.ready", "audience": "customer", "steps": steps})
    assert why(rule, step=1).endswith(", 2 min after the event, unless read")
    assert why(rule, step=2) == "due 13:00:00 (14:00 in Europe/Berlin)"


def test_a_time_on_another_day_has_its_date_once_or_twice_as_it_is() -> None:
    assert why(due_at=at(24 * 60)) == "due 2026-11-21 12:00:00 (13:00 in Europe/Berlin)"
    assert why(due_at=at(11.5 * 60)) == "due 23:30:00 (2026-11-21 00:30 in Europe/Berlin)"
