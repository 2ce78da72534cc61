"""The commands, put together.

Exit codes: 0 done; 1 it did not work (the database away, something missing); 2 the configuration or the call is wrong.
"""

import importlib
import sys

import psycopg
import typer

from config.errors import ConfigError
from daemon.cli.console import problem
from schema.errors import Refused, SchemaError

COMMANDS = {
    "init": ("inspect", "init"),
    "check": ("check", "check"),
    "install": ("lifecycle", "install"),
    "uninstall": ("lifecycle", "uninstall"),
    "run": ("run", "run"),
    "explain": ("explain", "explain"),
    "replay": ("replay", "replay_"),
    "failed": ("failures", "failed"),
    "retry": ("failures", "retry"),
    "suppressed": ("suppressions", "suppressed"),
    "suppress": ("suppressions", "suppress"),
    "unsuppress": ("suppressions", "unsuppress"),
    "template": ("template.group", "group"),
    "token": ("secrets", "token"),
    "vapid": ("secrets", "vapid"),
}
"""Name -> module in ``daemon.cli``, and the function or group in it."""


def application(only: str | None = None) -> typer.Typer:
    """The command line with all its commands, or with one: to import what the others need takes most of a second."""
    app = typer.Typer(
        name="orderbell",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        help="Watches the orders table of your application in PostgreSQL and tells everyone who should know.",
    )
    app.callback()(_a_group)
    for name, (module, attribute) in COMMANDS.items():
        if only in (None, name):
            found = getattr(importlib.import_module(f"daemon.cli.{module}"), attribute)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
    return app


def _a_group() -> None:
    """Also one command alone is called by its name."""


def _add_demo(app: typer.Typer) -> None:
    """The demo stands above the daemon (design, section 3), so it is found by name and not imported."""
    try:
        command = importlib.import_module("demo.command")
    except ModuleNotFoundError as error:
        missing = error.name

        # Whatever it is called with: the hint, and not a complaint about an option.
        @app.command("demo", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
        def absent() -> None:
            """A small shop with Orderbell on it. Needs the extra orderbell[demo], which is not installed."""
            problem(f"the demo needs {missing}: pip install 'orderbell[demo]'")
            raise typer.Exit(1)
    else:
        app.command("demo")(command.demo)


def main() -> None:
    """Run a command; say what went wrong in lines that a person can act on."""
    asked = next(iter(sys.argv[1:]), "")
    app = application(asked if asked in COMMANDS else None)
    if asked in ("demo", "--help", ""):
        _add_demo(app)
    try:
        app()
    except ConfigError as error:
        for mistake in error.mistakes:
            problem(f"{error.source}: {mistake}")
        sys.exit(2)
    except Refused as error:
        for reason in error.reasons:
            problem(reason)
        sys.exit(1)
    except SchemaError as error:
        problem(str(error))
        sys.exit(1)
    except psycopg.OperationalError as error:
        problem(f"the database cannot be used: {' '.join(str(error).split())}")
        sys.exit(1)
    except psycopg.Error as error:
        # In the database's own words, without the statement that it points into.
        said = error.diag.message_primary or str(error)
        problem(f"the database refused: {' '.join(said.split())}")
        sys.exit(1)
