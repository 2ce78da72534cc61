"""What people read on the terminal: results on stdout, problems on stderr."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from config import Settings, load

out = Console()
err = Console(stderr=True)

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
    err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def done(line: str) -> None:
    """One thing that was done, on stdout."""
    mark = "[green]✓[/green] " if out.is_terminal else ""
    out.print(f"{mark}{escape(line)}", highlight=False, soft_wrap=True)
