"""What /readyz and /livez answer."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.api.routes.health import not_ready
from daemon.health import STUCK_SECONDS, Health
from daemon.systemd import ServiceManager
from dispatchers.base import Outcome

WELL: Mapping[str, str | None] = {"database": None, "capture": None, "planner": None}
OUT = "is left alone after failures, for 5 s more"


@pytest.mark.parametrize(
    ("checks", "wrong"),
    [
        ({}, []),
        ({"database": "away"}, ["database"]),
        ({"provider:email/smtp": None, "provider:sms/twilio": OUT}, []),
        ({"provider:email/a": OUT, "provider:email/b": None}, []),
        ({"provider:email/smtp": OUT, "provider:sms/twilio": OUT}, ["provider:email/smtp", "provider:sms/twilio"]),
        ({"provider:email/smtp": OUT, "capture": "not live"}, ["capture", "provider:email/smtp"]),
    ],
)
def test_one_provider_that_is_out_does_not_make_it_unready_and_all_of_them_do(
    checks: dict[str, str | None], wrong: list[str]
) -> None:
    assert not_ready({**WELL, **checks}) == wrong


def test_what_is_excluded_does_not_count_by_name_or_kind() -> None:
    checks = {**WELL, "database": "away", "provider:email/smtp": OUT}
    assert not_ready(checks, ["provider"]) == ["database"]
    assert not_ready(checks, ["provider:email/smtp", "database"]) == []


class Channel:
    channel = "email"
    concurrency = batch_size = 1
    repeatable = True

    def resting(self) -> Mapping[str, str | None]:
        return {"first": OUT, "second": None}

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def ping(self) -> None: ...
    async def send(self, batch: object) -> list[Outcome]:
        return []


async def test_every_check_has_a_name_and_further_ones_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health(ServiceManager())
    health._dispatchers = (Channel(),)
    health.add("change log", lambda: "nobody reads it")
    assert await health.checks() == {
        "database": "not started",
        "capture": "not live: no connection to the database yet, or none any more",
        "planner": "neither plans nor stands by: no connection to the database",
        "provider:email/first": OUT,
        "provider:email/second": None,
        "change log": "nobody reads it",
    }
    assert health.alive() is None
    monkeypatch.setattr(health, "stuck_seconds", lambda: STUCK_SECONDS + 1)
    assert health.alive() == "the planner or a lane has not moved for 61 s"


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(1_000):
            manager.alive()
        assert deaf.recv(100) == b"WATCHDOG=1"
