"""What turns while somebody waits, on stderr and on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.status import Status

from daemon.cli.console import err


class Spinner:
    """A context: turns until its end, with a word on what it is about."""

    def __init__(self, what: str) -> None:
        self._status = Status(what, console=err) if err.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Out of the way of what is printed within."""
        if self._status is not None:
            self._status.stop()
        try:
            yield
        finally:
            if self._status is not None:
                self._status.start()
