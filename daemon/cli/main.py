"""The commands, put together.

Exit codes: 0 done; 1 it did not work (the database away, something missing); 2 the configuration or the call is wrong.
"""

import importlib
import sys

import psycopg
import typer

from config.errors import ConfigError
from daemon.cli import check, explain, failures, inspect, lifecycle, replay, secrets, suppressions
from daemon.cli.console import problem
from daemon.cli.template.group import group
from schema.errors import Refused, SchemaError

app = typer.Typer(
    name="orderbell",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Watches the orders table of your application in PostgreSQL and tells everyone who should know.",
)
app.command("init")(inspect.init)
app.command("check")(check.check)
app.command("install")(lifecycle.install)
app.command("uninstall")(lifecycle.uninstall)
app.command("run")(lifecycle.run)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay_)
app.command("failed")(failures.failed)
app.command("retry")(failures.retry)
app.command("suppressed")(suppressions.suppressed)
app.command("suppress")(suppressions.suppress)
app.command("unsuppress")(suppressions.unsuppress)
app.add_typer(group, name="template")
app.command("token")(secrets.token)
app.command("vapid")(secrets.vapid)


def _add_demo() -> None:
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
    if sys.argv[1:2] in (["demo"], ["--help"], []):
        _add_demo()
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
