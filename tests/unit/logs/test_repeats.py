"""What is said over and over again."""

import logging
from typing import Any

import pytest

from daemon.logs.repeats import Repeats


class Log:
    """A filter with a clock that is wound by hand, and what came through."""

    def __init__(self, at_most: int = 3) -> None:
        self.now = 0.0
        self.lines: list[dict[str, Any]] = []
        self.filter = Repeats(self._say, at_most=at_most, window_seconds=60, clock=lambda: self.now)

    def _say(self, record: logging.LogRecord) -> None:
        assert self.filter.filter(record)
        self.lines.append({"event": record.msg, **{k: vars(record)[k] for k in ("repeated", "suppressed", "last")}})

    def say(self, event: str, level: int = logging.WARNING, **fields: Any) -> None:
        record = logging.makeLogRecord({"name": "x", "levelno": level, "msg": {"event": event, **fields}})
        if self.filter.filter(record):
            self.lines.append({"event": event, **fields})

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_few_lines_are_written_and_the_rest_is_counted(log: Log) -> None:
    for number in range(10):
        log.say("delivery.ended", delivery=number, error=f"450 busy, try in {number} s")
    assert log.events() == ["delivery.ended"] * 3
    log.filter.close()
    assert log.lines[-1] == {
        "event": "log.repeated",
        "repeated": "delivery.ended",
        "suppressed": 7,
        "last": {"delivery": 9, "error": "450 busy, try in 9 s"},
    }


def test_in_the_next_minute_it_is_said_again(log: Log) -> None:
    for _ in range(5):
        log.say("x.failed")
    log.now = 61
    log.say("x.failed")
    assert log.events() == ["x.failed"] * 3 + ["log.repeated", "x.failed"]
    log.filter.close()


def test_what_was_counted_is_said_when_the_minute_is_over_though_nothing_follows(log: Log) -> None:
    for _ in range(5):
        log.say("x.failed")
    log.now = 61
    log.filter.flush()
    assert log.lines[-1]["suppressed"] == 2
    log.filter.flush()
    log.filter.close()
    assert log.events().count("log.repeated") == 1


def test_another_cause_is_another_line(log: Log) -> None:
    for _ in range(5):
        log.say("delivery.ended", error="450 busy", channel="email")
        log.say("delivery.ended", error="550 no", channel="email")
        log.say("delivery.ended", error="550 no", channel="sms")
    assert len(log.lines) == 9
    log.filter.close()


def test_the_same_refusal_of_many_addresses_is_one_kind(log: Log) -> None:
    for name in ("ada", "bob", "cora", "dee", "eve"):
        log.say("delivery.ended", error=f"550 <{name}@example.com> unknown")
    assert len(log.lines) == 3
    log.filter.close()


def test_an_error_about_another_thing_is_never_counted_with_it(log: Log) -> None:
    for number in range(50):
        log.say("change.set_aside", logging.ERROR, change=number, error="column is gone")
    assert [line["change"] for line in log.lines] == list(range(50))
    log.filter.close()
    assert "log.repeated" not in log.events()


def test_a_level_and_a_logger_of_their_own_are_a_kind_of_their_own(log: Log) -> None:
    for _ in range(3):
        log.say("x.failed", logging.WARNING)
        log.say("x.failed", logging.ERROR)
    assert len(log.lines) == 6


def test_what_a_library_says_is_known_by_its_words_and_values(log: Log) -> None:
    through = 0
    for number in range(10):
        record = logging.makeLogRecord(
            {"name": "lib", "levelno": logging.WARNING, "msg": "cannot reach %s", "args": (f"host{number % 2}",)}
        )
        through += log.filter.filter(record)
    assert through == 3  # the hosts differ by a number only
    log.filter.close()


def test_so_many_kinds_do_not_fill_the_memory_and_none_is_lost() -> None:
    log = Log(at_most=1)
    for number in range(5_000):
        log.say("x.failed", where=f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676)}")
        log.say("x.failed", where=f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676)}")
    assert len(log.filter._kinds) <= 2_000
    log.filter.close()
    assert sum(line.get("suppressed", 1) for line in log.lines) == 10_000
