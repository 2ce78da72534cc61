"""The two roles that Orderbell is given, by the very scripts that an administrator runs (deploy/postgresql)."""

import re
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from config import Settings
from config.mapping import as_psycopg, parameters_of
from schema.inspection import tables_read

SCRIPTS = Path(__file__).parents[1] / "deploy" / "postgresql"

PASSWORD = "not for the log: a role's password"

_VARIABLE = re.compile(r""":(?P<quote>["'])(?P<name>\w+)(?P=quote)""")


def names_of(url: str) -> tuple[str, str]:
    """The names of the owner and of the daemon's role: roles are the server's, so each database has its own."""
    database = conninfo_to_dict(url)["dbname"]
    return f"{database}_owner", f"{database}_daemon"


def as_owner(url: str) -> str:
    """The same database, as the role that installs."""
    return make_conninfo(url, user=names_of(url)[0], password=PASSWORD)


def as_daemon(url: str) -> str:
    """The same database, as the role that the daemon runs as."""
    return make_conninfo(url, user=names_of(url)[1], password=PASSWORD)


def run_script(connection: psycopg.Connection, name: str, variables: Mapping[str, str]) -> None:
    """What ``psql -v ... -f deploy/postgresql/NAME`` does."""

    def value(match: re.Match[str]) -> str:
        given = variables[match["name"]]
        quoted = Identifier(given) if match["quote"] == '"' else Literal(given)
        return quoted.as_string(connection)

    lines = (SCRIPTS / name).read_text(encoding="utf-8").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith(("\\", "--")))
    connection.execute(_VARIABLE.sub(value, code).encode())


def tables_of(connection: psycopg.Connection, settings: Settings) -> str:
    """The tables that the queries of the mapping read, as SQL spells them and nothing else."""
    queries = [audience.query for audience in settings.audience.values() if audience.query is not None]
    queries += [settings.people.query] if settings.people is not None else []
    with connection.transaction(force_rollback=True):
        for query in queries:
            connection.execute(as_psycopg(query).encode(), {parameter: [] for parameter in parameters_of(query)})
        watched = {watch.table for watch in settings.watch}
        names = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE oid = ANY(%s) AND oid <> ALL(%s::regclass[]::oid[])",
            (tables_read(connection), list(watched)),
        ).fetchall()
    return ", ".join(name for (name,) in names)


def prepare(url: str, settings: Settings) -> None:
    """As an administrator: the roles, with what they need of the application's tables."""
    owner, daemon = names_of(url)
    with psycopg.connect(url, autocommit=True) as connection:
        variables = {
            "owner": owner,
            "daemon": daemon,
            "watched": ", ".join(watch.table for watch in settings.watch),
            "read": tables_of(connection, settings),
            "log": "yes" if settings.capture.source == "wal" else "no",
        }
        run_script(connection, "roles.sql", variables)
        for role in (owner, daemon):
            connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(PASSWORD)))


def grant(url: str) -> None:
    """As the owner, once Orderbell is installed: what the daemon may do in its schema."""
    with psycopg.connect(as_owner(url), autocommit=True) as connection:
        run_script(connection, "grants.sql", {"daemon": names_of(url)[1]})


def drop(url: str) -> None:
    """Forget the roles, with all that they have in this database."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names_of(url):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).rowcount:
                connection.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
                connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))
