"""The same over and over again is said some times a minute, and then counted: ``log.repeated`` says how often."""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daemon.logs.redaction import redacted

WINDOW_SECONDS = 60.0
AT_MOST = 20
"""Lines of one kind in a window."""
MOST_KINDS = 2_000
"""Kept apart at once. Beyond that, the oldest are closed, and what they counted is said."""

IDS = frozenset({"delivery", "deliveries", "notification", "event_id", "change"})
"""What names one thing. Graver than a warning, lines about different things are different."""

PASSING = frozenset({"timestamp", "level", "logger", "exc_info", "stack_info", "exception", "stack"})
"""Not what a line is about."""

STANDARD = frozenset(vars(logging.makeLogRecord({})))

_NUMBER = re.compile(r"\d+")

Kind = tuple[Any, ...]


@dataclass(slots=True)
class _Counted:
    """One kind in its window."""

    until: float
    said: int = 0
    kept_back: int = 0
    last: logging.LogRecord | None = None


class Repeats(logging.Filter):
    """Lets lines through, or counts them. What was counted is said when the window ends, by a thread that is only there
    while something was kept back.
    """

    def __init__(
        self,
        say: Callable[[logging.LogRecord], object],
        *,
        at_most: int = AT_MOST,
        window_seconds: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._say = say
        self._at_most = at_most
        self._window = window_seconds
        self._clock = clock
        self._kinds: dict[Kind, _Counted] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        fields = _fields(record)
        if fields.get("event") == "log.repeated":
            return True
        kind, now = kind_of(record, fields), self._clock()
        ended: list[_Counted] = []
        with self._lock:
            counted = self._kinds.get(kind)
            if counted is None or now >= counted.until:
                if counted is not None:
                    ended.append(self._kinds.pop(kind))
                if len(self._kinds) >= MOST_KINDS:
                    ended += self._closed(now, half=True)
                counted = self._kinds[kind] = _Counted(now + self._window)
            if counted.said < self._at_most:
                counted.said += 1
                through = True
            else:
                counted.kept_back += 1
                counted.last = record
                through = False
                self._wake_later(counted.until - now)
        self._report(ended)
        return through

    def flush(self, *, everything: bool = False) -> None:
        """Say what was kept back in windows that are over, or in all of them."""
        with self._lock:
            self._timer = None
            now = self._clock()
            ended = self._closed(float("inf") if everything else now)
            waiting = [counted.until for counted in self._kinds.values() if counted.kept_back]
            if waiting:
                self._wake_later(max(0.0, min(waiting) - now))
        self._report(ended)

    def close(self) -> None:
        """Say what there is to say, and end."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self.flush(everything=True)

    def _closed(self, now: float, *, half: bool = False) -> list[_Counted]:
        over = [kind for kind, counted in self._kinds.items() if now >= counted.until]
        if half and not over:
            over = list(self._kinds)[: MOST_KINDS // 2]
        return [self._kinds.pop(kind) for kind in over]

    def _wake_later(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self.flush)
            self._timer.daemon = True
            self._timer.name = "log.repeated"
            self._timer.start()

    def _report(self, ended: list[_Counted]) -> None:
        for counted in ended:
            if counted.last is not None:
                self._say(_repeated(counted.last, counted.kept_back, self._window))


def kind_of(record: logging.LogRecord, fields: dict[str, Any]) -> Kind:
    """What makes two lines the same: who says what, with which words. Numbers and addresses do not count, for they
    always differ; but an error about another thing is another error.
    """
    grave = record.levelno >= logging.ERROR
    said = []
    for name, value in fields.items():
        if name in PASSING:
            continue
        if name in IDS:
            if grave:
                said.append((name, str(value)))
        elif name == "event" or (grave and name in ("watch", "watches")):
            said.append((name, str(value)))
        elif isinstance(value, str):
            said.append((name, _NUMBER.sub("#", redacted(value))))
    raised = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    return record.name, record.levelno, raised, tuple(said)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Ours are in ``msg``; a library's are a sentence, its values, and what was given as ``extra``."""
    if isinstance(record.msg, dict):
        return record.msg
    extra = {name: value for name, value in vars(record).items() if name not in STANDARD and name[:1] != "_"}
    values = {f"value {number}": str(value) for number, value in enumerate(record.args or ())}
    return {"event": str(record.msg), **values, **extra}


def _repeated(last: logging.LogRecord, count: int, seconds: float) -> logging.LogRecord:
    """The line that stands for those that were not written, with the fields of the last of them."""
    fields = _fields(last)
    told = {name: value for name, value in fields.items() if name not in PASSING and name != "event"}
    record = logging.makeLogRecord(
        {"name": last.name, "levelno": last.levelno, "levelname": last.levelname, "msg": "log.repeated"}
    )
    about: dict[str, Any] = {
        "repeated": fields.get("event"),
        "suppressed": count,
        "seconds": round(seconds),
        "last": told,
    }
    vars(record).update(about)
    return record
