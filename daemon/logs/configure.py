"""Sets up structlog, and lets the standard library's loggers (uvicorn, aiohttp) speak through it."""

import atexit
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from config.settings import Log
from daemon.logs.correlation import merge_delivery
from daemon.logs.redaction import Redaction
from daemon.logs.repeats import Repeats

TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
"""Without local variables: they hold addresses and texts."""

PLAIN_TRACEBACKS = structlog.processors.ExceptionRenderer()

NOISY = ("uvicorn", "aiosmtplib", "twilio", "psycopg.pool", "alembic", "urllib3")
"""Of these, what is less than a warning is never worth a line."""

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""From this level on, the priority of syslog(3) in the prefix of sd-daemon(3)."""


def configure(settings: Log, stream: TextIO | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """Log to ``stream``, which is stderr, from now on as ``settings`` say."""
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        merge_delivery,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # With level debug somebody looks for something, and wants to see it; secrets are nobody's business even then.
    redaction = Redaction(only_secrets=level <= logging.DEBUG)
    last: list[Any] = (
        [PLAIN_TRACEBACKS, redaction, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [TRACEBACKS, redaction, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colours],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Prioritized(formatter) if is_the_journal(stream, environment) else formatter)
    repeats = Repeats(handler.handle)
    handler.addFilter(repeats)
    root = logging.getLogger()
    for each in [each for before in root.handlers for each in before.filters if isinstance(each, Repeats)]:
        each.close()
        atexit.unregister(each.close)
    atexit.register(repeats.close)
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _without_colours(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Uvicorn says everything twice, the second time in colours."""
    event.pop("color_message", None)
    return event


def is_the_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether ``stream`` leads to systemd's journal: JOURNAL_STREAM has its device and inode, systemd.exec(5)."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


class Prioritized(logging.Formatter):
    """Puts ``<N>`` before each line, which journald takes for its priority and cuts off; sd-daemon(3)."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        number = next(number for level, number in PRIORITIES if record.levelno >= level)
        prefix = f"<{number}>"
        return prefix + self._formatter.format(record).replace("\n", f"\n{prefix}")
