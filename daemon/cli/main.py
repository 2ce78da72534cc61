"""The commands, put together.

Exit codes: 0 done; 1 it did not work (something missing, something wrong); 2 the configuration or the call is wrong;
3 the database cannot be reached.
"""

import gc
import importlib
import os
import re
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import psycopg
import typer

from config.errors import ConfigError
from daemon.cli import lean
from daemon.cli.call import FAILED, WRONG_CALL, failure, problem
from daemon.cli.commands import COMMANDS, OF_THE_DEMO, Command
from schema.errors import SchemaError


def application(only: str | None = None) -> typer.Typer:
    """The command line with all its commands, or with one: to import what the others need takes most of a second."""
    app = _empty()
    for name, command in COMMANDS.items():
        if only in (None, name):
            found = getattr(importlib.import_module(f"daemon.cli.{command.module}"), command.attribute)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name, epilog=command.epilog)(found)
    return app


def names() -> typer.Typer:
    """The commands by name and with nothing in them: all that a shell wants to know while the first word is written."""
    app = _empty()
    for name in (*COMMANDS, *OF_THE_DEMO):
        app.command(name)(_a_group)
    return app


def add_demo(app: typer.Typer) -> None:
    """The demo and the bench stand above the daemon (design, section 3), so they are found by name and not imported."""
    for name, command in OF_THE_DEMO.items():
        try:
            found = getattr(importlib.import_module(command.module), command.attribute)
        except ModuleNotFoundError as error:
            # Whatever it is called with: the hint, and not a complaint about an option.
            settings = {"allow_extra_args": True, "ignore_unknown_options": True}
            app.command(name, context_settings=settings)(_absent(name, str(error.name)))
        else:
            app.command(name, epilog=command.epilog)(found)


def _empty() -> typer.Typer:
    app = typer.Typer(
        name="orderbell",
        no_args_is_help=True,
        invoke_without_command=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        help="Watches the orders table of your application in PostgreSQL and tells everyone who should know.",
        epilog="Exit codes: 0 done; 1 it did not work; 2 the configuration or the call is wrong; 3 the database cannot"
        " be reached.",
    )
    app.callback()(_a_group)
    return app


def _a_group(
    version: bool = typer.Option(False, "--version", help="Say which one this is.", is_eager=True),  # noqa: FBT001
) -> None:
    """Also one command alone is called by its name."""
    if version:
        typer.echo(f"orderbell {metadata.version('orderbell')}")
        raise typer.Exit


def _absent(name: str, missing: str) -> Callable[[], None]:
    def absent() -> None:
        problem(f"the {name} needs {missing}: pip install 'orderbell[demo]'")
        raise typer.Exit(FAILED)

    absent.__doc__ = "Needs the extra orderbell[demo], which is not installed."
    return absent


def _completed_words() -> list[str] | None:
    """What is on the line that a shell wants completed; None where none asks for that.

    As typer's scripts say it: bash in COMP_WORDS, the others in _TYPER_COMPLETE_ARGS.
    """
    if not os.environ.get("_ORDERBELL_COMPLETE", "").startswith("complete"):
        return None
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")
    # A word that is not ended yet may become another one: "suppress" is the beginning of two commands.
    return re.split(r"\s+", line)[1:-1]


def _app() -> typer.Typer:
    """With as few commands in it as this call needs."""
    words = _completed_words()
    asked = next(iter(sys.argv[1:] if words is None else words), "")
    if words is not None and asked not in COMMANDS and asked not in OF_THE_DEMO:
        return names()
    if asked in OF_THE_DEMO:
        app = _empty()
        add_demo(app)
        return app
    app = application(asked if asked in COMMANDS else None)
    if asked in ("--help", ""):
        add_demo(app)
    return app


def main() -> None:
    """Run a command; say what went wrong in lines that a person can act on."""
    # What is imported stays: to look for garbage among it, again and again, takes a sixth of the time.
    gc.disable()
    if sys.argv[1:2] == ["run"]:
        lean.leave_out()
    app: Any = _app()
    gc.freeze()
    gc.enable()
    try:
        app()
    except ConfigError as error:
        for mistake in error.mistakes:
            problem(f"{error.source}: {mistake}")
        sys.exit(WRONG_CALL)
    except (SchemaError, psycopg.Error) as error:
        reasons, code = failure(error)
        for reason in reasons:
            problem(reason)
        sys.exit(code)


__all__ = ["COMMANDS", "Command", "add_demo", "application", "main", "names"]
