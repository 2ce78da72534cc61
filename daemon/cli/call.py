"""How a command is called, and how it ends. Draws nothing: the daemon is a command, too, and has no use for rich."""

from pathlib import Path
from typing import Annotated

import psycopg
import typer

from config import Settings, load
from schema.errors import Refused, SchemaError

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="ORDERBELL_CONFIG",
        help="The configuration. Default: ./orderbell.toml, else /etc/orderbell/orderbell.toml.",
        show_default=False,
    ),
]

FAILED, WRONG_CALL, UNREACHABLE = 1, 2, 3
"""Exit codes: it did not work; the configuration or the call is wrong; the database cannot be reached."""

PLACES = (Path("orderbell.toml"), Path("/etc/orderbell/orderbell.toml"))


def settings_from(path: Path | None) -> Settings:
    """The configuration that was named, or the one that is found. Raises :class:`config.ConfigError`."""
    return load(path_from(path))


def path_from(path: Path | None) -> Path:
    """The file that was named, or the one that is found; ends the command where there is none."""
    if path is None:
        path = next((place for place in PLACES if place.is_file()), None)
    if path is None:
        problem(f"no configuration: name one with --config, or run `orderbell init > {PLACES[0]}`")
        raise typer.Exit(2)
    return path


def problem(line: str) -> None:
    """One problem, on stderr."""
    from daemon.cli.console import err  # noqa: PLC0415 - rich is only needed here

    err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def database_is_away(error: psycopg.Error) -> bool:
    """Whether the database cannot be reached, or just went away: it has not answered, or says that it is leaving."""
    away = ("08", "57P", "53300")  # SQLSTATE: connection exceptions, operator intervention, too many connections
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate.startswith(away))


def failure(error: SchemaError | psycopg.Error) -> tuple[list[str], int]:
    """What did not work, in lines that a person can act on, and the exit code."""
    match error:
        case Refused():
            return error.reasons, FAILED
        case SchemaError():
            return [str(error)], FAILED
        case psycopg.OperationalError():
            code = UNREACHABLE if database_is_away(error) else FAILED
            return [f"the database cannot be used: {' '.join(str(error).split())}"], code
        case _:
            # In the database's own words, without the statement that it points into.
            said = error.diag.message_primary or str(error)
            return [f"the database refused: {' '.join(said.split())}"], FAILED
