"""``run``: the daemon. Apart from the other commands, none of which needs all its parts."""

import asyncio

import typer

from config import load
from daemon import supervisor
from daemon.cli.call import ConfigOption, path_from, problem


def run(config: ConfigOption = None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP has it read its rules, messages and limits again."""
    path = path_from(config)
    settings = load(path)
    if not settings.watch:
        problem("nothing to do: the configuration has no [[watch]]")
        raise typer.Exit(2)
    raise typer.Exit(asyncio.run(supervisor.run(settings, lambda: load(path))))
