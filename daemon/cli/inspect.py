"""``orderbell init``: a first configuration from what a database has."""

from typing import Annotated

import psycopg
import typer

from daemon.cli.call import problem
from daemon.cli.console import err
from daemon.cli.proposal import propose
from schema.discovery import discover


def init(
    url: Annotated[
        str,
        typer.Argument(
            envvar="ORDERBELL_DATABASE__URL",
            help="Where your application's database is: postgresql://user@host/name",
        ),
    ] = "postgresql:///",
) -> None:
    """Look at a database and write a first configuration: orderbell init URL > orderbell.toml."""
    try:
        connected = psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="orderbell init")
    except psycopg.ProgrammingError:
        # libpq's own words would repeat a part of it, perhaps the password.
        problem("this is no database's URL: write postgresql://user@host/name")
        raise typer.Exit(2) from None
    with connected as connection:
        connection.execute("SET default_transaction_read_only = on")
        found = discover(connection)
    if found is None:
        problem(
            "no table looks like orders: none has a status-like column."
            " Write [[watch]] by hand; see config/orderbell.toml"
        )
        raise typer.Exit(1)
    typer.echo(propose(found), nl=False)
    for line in found.remarks:
        err.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
