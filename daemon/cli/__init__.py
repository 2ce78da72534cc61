"""The command line: ``orderbell``."""

from daemon.cli.main import main

__all__ = ["main"]
