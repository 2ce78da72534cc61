import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from demo import command
from demo.ledger import Verdict
from demo.load import LoadResult

GOOD = Verdict(
    notifications={"customer": 7, "vendor": 7, "driver": 2, "available_drivers": 3},
    received={"email": 5, "sms": 4, "webpush": 13, "websocket": 19},
    missing=(),
    duplicates=(),
    unexpected=(),
)
MISSING = replace(GOOD, missing=("email to user 1 about order.created of order 1042",))
TWICE = replace(GOOD, duplicates=("sms to user 1 about order 1042",))
UNEXPECTED = replace(GOOD, unexpected=("sms to user 9 about order 1042",))


@pytest.fixture
def orderbell(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    return CliRunner()


def app() -> typer.Typer:
    application = typer.Typer()
    application.command()(command.demo)
    return application


def gives(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    async def once(**_: object) -> Verdict:
        return verdict

    async def load(orders: int, writers: int, _per_second: float, **_: object) -> LoadResult:
        return LoadResult(orders, writers, 14_000, 6.5, 0.1, 0.2, dict(verdict.received), 3, verdict)

    monkeypatch.setattr(command, "once", once)
    monkeypatch.setattr(command, "load", load)


def test_a_good_run_ends_with_one_json_object(orderbell: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, GOOD)
    result = orderbell.invoke(app(), ["--once", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "notifications": GOOD.notifications,
        "received": GOOD.received,
        "missing": 0,
        "duplicates": 0,
    }


@pytest.mark.parametrize(("verdict", "said"), [(MISSING, "email"), (TWICE, "sms"), (UNEXPECTED, "user 9")])
@pytest.mark.parametrize("how", [["--once", "--json"], ["--once"], ["--load", "10", "--json"]])
def test_whatever_is_wrong_is_said_and_the_exit_code_is_1(
    orderbell: CliRunner, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, said: str, how: list[str]
) -> None:
    gives(monkeypatch, verdict)
    result = orderbell.invoke(app(), how)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_load_run_says_what_was_measured(orderbell: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    gives(monkeypatch, GOOD)
    result = orderbell.invoke(app(), ["--load", "2000", "--writers", "16", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "orders": 2000,
        "writers": 16,
        "changes": 14_000,
        "seconds_writing": 6.5,
        "changes_queue_empty_after": 0.1,
        "queue_empty_after": 0.2,
        "expected": GOOD.received,
        "superseded": 3,
        "received": GOOD.received,
        "missing": 0,
        "duplicates": 0,
    }
