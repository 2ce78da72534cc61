"""Lines as they are written."""

import io
import json
import logging
import os
import re
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import structlog

from config.settings import Log
from daemon.logs.configure import configure, is_the_journal
from daemon.logs.correlation import SENDING
from tests.deliveries import delivery

Written = Callable[[], list[str]]


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        for each in handler.filters:
            each.close()  # type: ignore[union-attr]
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def logged(do: Callable[[Any], object], *, terminal: bool = False, **settings: Any) -> Stream:
    stream = Stream(terminal=terminal)
    configure(Log(**settings), stream, {})
    do(structlog.get_logger("daemon.x"))
    return stream


def test_elsewhere_than_on_a_terminal_a_line_is_json() -> None:
    (line,) = logged(lambda log: log.warning("x.failed", channel="email")).lines
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "x.failed", "channel": "email", "level": "warning", "logger": "daemon.x"}


def test_on_a_terminal_it_is_for_people() -> None:
    (line,) = logged(lambda log: log.warning("x.failed", channel="email"), terminal=True).lines
    assert re.search(r"warning.*x\.failed", line)
    assert not line.startswith("{")


@pytest.mark.parametrize("terminal", [True, False])
def test_no_address_is_logged_not_even_in_a_traceback(terminal: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    def fail(log: Any) -> None:
        try:
            int("550 <ada@example.com> unknown")
        except ValueError:
            log.exception("x.failed", to="ada")

    stream = logged(fail, terminal=terminal)
    assert "ada" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_at_debug_it_is() -> None:
    assert "ada@example.com" in logged(lambda log: log.info("x", error="<ada@example.com>"), level="debug").getvalue()


def test_what_libraries_say_has_its_extra_fields_and_no_address() -> None:
    def say(_: Any) -> None:
        logging.getLogger("lib").warning("cannot reach %s", "ada@example.com", extra={"error": "TimeoutError"})

    found = json.loads(logged(say).lines[0])
    assert (found["event"], found["error"], found["logger"]) == ("cannot reach [e-mail]", "TimeoutError", "lib")


def test_a_line_of_a_send_has_its_ids() -> None:
    def say(log: Any) -> None:
        SENDING.set([delivery(id=12, notification_id=34, event_id=56)])
        try:
            logging.getLogger("aiosmtplib").warning("slow")
            log.error("x.failed", delivery=99)
        finally:
            SENDING.set(())

    by_a_library, ours = map(json.loads, logged(say).lines)
    assert [by_a_library[name] for name in ("delivery", "notification", "event_id")] == [12, 34, 56]
    assert ours["delivery"] == 99


def test_a_line_of_a_batch_has_the_ids_of_all() -> None:
    def say(log: Any) -> None:
        SENDING.set([delivery(id=number) for number in range(1, 31)])
        try:
            log.error("x.failed")
        finally:
            SENDING.set(())

    found = json.loads(logged(say).lines[0])
    assert found["deliveries"] == list(range(1, 21))
    assert found["deliveries_more"] == 10


def test_the_same_over_and_over_is_counted() -> None:
    stream = logged(lambda log: [log.warning("x.failed", channel="sms") for _ in range(100)])
    assert len(stream.lines) == 20
    configure(Log(), Stream(), {})  # what was counted is said before the next one begins
    last = json.loads(stream.lines[-1])
    assert (last["event"], last["repeated"], last["suppressed"], last["last"]) == (
        "log.repeated",
        "x.failed",
        80,
        {"channel": "sms"},
    )


# --- the journal --------------------------------------------------------------------------------------------------


def in_the_journal(do: Callable[[Any], object], **settings: Any) -> Sequence[str]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        configure(Log(**settings), stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        do(structlog.get_logger("daemon.x"))
        stream.seek(0)
        return stream.read().splitlines()


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_in_the_journal_a_line_has_its_priority(level: str, priority: int) -> None:
    (line,) = in_the_journal(lambda log: getattr(log, level)("x.happened"), level="debug")
    assert line.startswith(f"<{priority}>{{")
    assert json.loads(line[3:])["level"] == level


def test_every_line_of_a_traceback_has_it() -> None:
    def fail(log: Any) -> None:
        try:
            int("no")
        except ValueError:
            log.exception("x.failed")

    lines = in_the_journal(fail, format="console")
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines)


def test_a_stream_that_is_not_the_journals_has_none() -> None:
    with tempfile.TemporaryFile("w") as stream:
        status = os.fstat(stream.fileno())
        assert not is_the_journal(stream, {})
        assert not is_the_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert is_the_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    assert not is_the_journal(Stream(), {"JOURNAL_STREAM": "1:2"})


def test_a_line_below_the_level_costs_next_to_nothing() -> None:
    stream = Stream()
    configure(Log(), stream, {})
    log = structlog.get_logger("daemon.x")
    log.debug("x")
    calls = 20_000
    said = timeit.Timer(lambda: log.debug("x.sent", delivery=1, channel="email"), timer=time.thread_time)
    seconds = min(said.repeat(repeat=3, number=calls))
    assert stream.lines == []
    assert seconds / calls < 10e-6  # 1 µs on a quiet machine
