"""``install`` and ``uninstall``."""

import json
from collections.abc import Callable
from typing import Annotated

import psycopg
import typer

from daemon.cli.call import WRONG_CALL, ConfigOption, failure, problem, settings_from
from daemon.cli.console import done, err, out
from daemon.cli.spinner import Spinner
from schema import install as installing
from schema.errors import SchemaError
from schema.install import Say

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


def install(config: ConfigOption = None, as_json: AsJson = False) -> None:  # noqa: FBT002 - typer's way
    """Create the schema [bold]orderbell[/bold] and capture the watched tables, by triggers or from the change log.

    Twice is as good as once.
    """
    settings = settings_from(config)
    changes = _changes(
        "installing", lambda changed, besides: installing.install(settings, changed, besides), as_json=as_json
    )
    if not changes and not as_json:
        out.print("Everything is in place already.")


def uninstall(
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002 - typer's way
    as_json: AsJson = False,  # noqa: FBT002 - typer's way
) -> None:
    """Remove all capture and the schema [bold]orderbell[/bold] with all inboxes in it; your schema is untouched."""
    if as_json and not yes:
        problem("--json asks nobody: say --yes too")
        raise typer.Exit(WRONG_CALL)
    settings = settings_from(config)
    if not yes and not typer.confirm("This drops every notification, inbox and delivery record. Go on?"):
        raise typer.Exit(1)
    changes = _changes("uninstalling", lambda changed, _: installing.uninstall(settings, changed), as_json=as_json)
    if not changes and not as_json:
        out.print("Nothing of Orderbell is in this database.")


def _changes(what: str, act: Callable[[Say, Say], object], *, as_json: bool) -> list[str]:
    """What ``act`` has changed, said as it is done or, as JSON, at the end; also where it fails.

    Raises SchemaError, psycopg.Error.
    """
    changes: list[str] = []

    def changed(line: str) -> None:
        changes.append(line)
        if not as_json:
            with spinner.aside():
                done(line)

    def besides(line: str) -> None:
        with spinner.aside():
            if as_json:
                err.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                done(line)

    try:
        with Spinner(what) as spinner:
            act(changed, besides)
    except (SchemaError, psycopg.Error) as error:
        if as_json:
            reasons, _ = failure(error)
            out.print_json(json.dumps({"changed": changes, "reasons": reasons}))
        raise
    if as_json:
        out.print_json(json.dumps({"changed": changes}))
    return changes
