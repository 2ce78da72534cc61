"""Words in a file: a TOML with title, body, and where they are wanted text and action."""

import sys
import tomllib
from pathlib import Path

from config.errors import ConfigError, Mistake
from daemon.planning.catalogue.message import BrokenMessage, message_of
from daemon.planning.catalogue.templates import Template

STDIN = Path("-")

LONGEST_FILE = 200_000
"""Bytes: four fields of 10,000 characters, however they are written."""


def template_in(file: Path, event: str, audience: str, channel: str, locale: str) -> Template:
    """The words in ``file`` for that place, as nobody has kept them yet. Raises :class:`config.ConfigError` with the
    path to each field that cannot be used.
    """
    source = "stdin" if file == STDIN else str(file)
    try:
        fields = tomllib.loads(_text(file))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(source, [Mistake("", reason)]) from error
    try:
        message_of(fields)
    except BrokenMessage as error:
        raise ConfigError(source, [Mistake(path, problem) for path, problem in error.mistakes]) from error
    return Template(0, event, audience, channel, locale, 0, **fields)


def _text(file: Path) -> str:
    """Raises OSError, UnicodeDecodeError."""
    if file == STDIN:
        content = sys.stdin.buffer.read(LONGEST_FILE + 1)
    else:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise OSError(0, f"it has more than {LONGEST_FILE:,} bytes")
    return content.decode("utf-8")
