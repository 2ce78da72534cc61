"""Logs as events with fields, on stderr: for people on a terminal, JSON elsewhere, with priorities in the journal."""

from daemon.logs.configure import configure
from daemon.logs.correlation import about

__all__ = ["about", "configure"]
