"""``orderbell status``."""

import dataclasses
import json
import time
from datetime import datetime
from http.client import HTTPException
from typing import Annotated, Any

import psycopg
import typer

from config import Settings
from daemon.cli.call import UNREACHABLE, ConfigOption, database_is_away, problem, settings_from
from daemon.cli.console import err, out
from daemon.cli.database import connected
from daemon.cli.status.live import watch
from daemon.cli.status.measures import Memory
from daemon.cli.status.reading import Database
from daemon.cli.status.scrape import scrape, url_of
from daemon.cli.status.screen import screen
from daemon.cli.status.values import Flow, Status
from daemon.cli.status.verdict import troubles_of
from schema.errors import SchemaError
from schema.install import stale_watches

BETWEEN_SECONDS = 1.0
"""Two looks at the metrics make a rate."""

STALE_AGAIN_SECONDS = 60.0
"""The triggers are looked at no more often: that is a walk over the catalogue for each watch."""


class Looker:
    """Puts together what the database and the daemons say."""

    def __init__(self, settings: Settings, urls: list[str]) -> None:
        self._settings = settings
        self._database = Database(settings)
        self._urls = urls
        self._memory = Memory()
        self._stale: tuple[str, ...] = ()
        self._stale_at = float("-inf")

    def look(self) -> Status:
        """Raises psycopg.Error, SchemaError."""
        standing = self._database.read()
        flow, notes = self._flow()
        self._look_at_triggers()
        lag = self._settings.capture.lag_warning_bytes
        troubles = troubles_of(standing, flow, lag_warning_bytes=lag, stale=self._stale)
        return Status(standing, flow, troubles, tuple(notes), self._memory.events())

    def look_or_say(self) -> Status | str:
        """The same; a line where that cannot be."""
        try:
            return self.look()
        except psycopg.Error as error:
            self._stale_at = float("-inf")
            return f"the database cannot be used: {' '.join(str(error).split())}"
        except SchemaError as error:
            return str(error)

    def close(self) -> None:
        self._database.close()

    def _flow(self) -> tuple[Flow | None, list[str]]:
        if not self._urls:
            return None, ["no rates: metrics.port is 0, so say where they are with --metrics"]
        try:
            self._memory.add(scrape(self._urls, self._settings.metrics))
        except (OSError, ValueError, HTTPException) as error:
            # The daemon may well run on another machine.
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            return None, [f"no rates: {', '.join(self._urls)} does not answer ({reason})"]
        return self._memory.flow(time.time()), []

    def _look_at_triggers(self) -> None:
        if time.monotonic() - self._stale_at < STALE_AGAIN_SECONDS:
            return
        with connected(self._settings, "status") as connection:
            self._stale = tuple(stale_watches(connection, self._settings))
        self._stale_at = time.monotonic()


def status(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once; so it is where stdout is no terminal.")] = False,  # noqa: FBT002
    metrics: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Of a daemon's metrics; may be repeated. Default: as [metrics] says."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Show how things stand: queues, rates, lag, providers, connections. Live on a terminal, until q or Ctrl-C."""
    settings = settings_from(config)
    for url in metrics or ():
        if not url.startswith(("http://", "https://")):
            problem(f"--metrics takes a URL such as http://127.0.0.1:9480/metrics, and not {url!r}")
            raise typer.Exit(2)
    own = url_of(settings.metrics)
    looker = Looker(settings, metrics or ([own] if own else []))
    if out.is_terminal and not once and not as_json:
        watch(looker.look_or_say, out)
        return
    try:
        found = _looked(looker)
    except psycopg.OperationalError as error:
        if not database_is_away(error):
            raise
        said = f"the database cannot be used: {' '.join(str(error).split())}"
        if as_json:
            _print({"well": False, "troubles": [{"name": "database_away", "says": said}]})
        problem(said)
        raise typer.Exit(UNREACHABLE) from None
    finally:
        looker.close()
    if as_json:
        _print(as_object(found))
    else:
        out.print(screen(found, out.width))
        for trouble in found.troubles if not err.is_terminal else ():
            problem(f"{trouble.name}: {trouble.says}")
    if found.troubles:
        raise typer.Exit(1)


def _looked(looker: Looker) -> Status:
    """Twice, where there are metrics: rates are the difference."""
    found = looker.look()
    if found.flow is None:
        return found
    time.sleep(BETWEEN_SECONDS)
    return looker.look()


def as_object(found: Status) -> dict[str, Any]:
    """As ``--json`` has it."""
    standing = dataclasses.asdict(found.standing)
    flow = None
    if found.flow is not None:
        flow = dataclasses.asdict(found.flow)
        flow["channels"] = [{"channel": name, **values} for name, values in flow["channels"].items()]
        flow["rates_window_seconds"] = BETWEEN_SECONDS
    return {
        "well": not found.troubles,
        "troubles": [dataclasses.asdict(trouble) for trouble in found.troubles],
        "notes": list(found.notes),
        **standing,
        "flow": flow,
    }


def _print(value: dict[str, Any]) -> None:
    out.print_json(json.dumps(value, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
