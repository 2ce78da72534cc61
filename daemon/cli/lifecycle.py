"""``install`` and ``uninstall``."""

from typing import Annotated

import typer

from daemon.cli.console import ConfigOption, done, out, settings_from
from schema import install as installing


def install(config: ConfigOption = None) -> None:
    """Create the schema [bold]orderbell[/bold] and put triggers on the watched tables. Twice is as good as once."""
    settings = settings_from(config)
    if not installing.install(settings, done):
        out.print("Everything is in place already.")


def uninstall(
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Remove the triggers and the schema [bold]orderbell[/bold] with all inboxes in it; your schema is untouched."""
    settings = settings_from(config)
    if not yes and not typer.confirm("This drops every notification, inbox and delivery record. Go on?"):
        raise typer.Exit(1)
    if not installing.uninstall(settings, done):
        out.print("Nothing of Orderbell is in this database.")
