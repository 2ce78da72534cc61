"""The commands' own way to the database."""

from typing import Any

import psycopg

from config import Settings
from daemon.connections import parameters
from schema.install import check_version


def connected(settings: Settings, name: str) -> psycopg.Connection[Any]:
    """A connection in autocommit, once the schema is known to be ours. Raises SchemaError, psycopg.OperationalError."""
    connection = psycopg.connect(autocommit=True, **parameters(settings.database, f"orderbell {name}"))
    try:
        check_version(connection)
    except BaseException:
        connection.close()
        raise
    return connection
