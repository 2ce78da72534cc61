"""The command line as a process, and databases made from a schema's file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

SCHEMAS = Path(__file__).parent / "schemas"
SHOP = Path(__file__).parents[3] / "demo" / "shop.sql"


@pytest.fixture
def orderbell(tmp_path: Path) -> Command:
    """Runs ``orderbell`` with arguments, in a folder of its own and without a word from the environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / "orderbell", *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def make_tables(empty_database: str) -> Callable[[str], str]:
    """Makes the tables of a schema (``django``, ``shop``) in an empty database and returns its URL."""

    def make(name: str) -> str:
        file = SHOP if name == "shop" else SCHEMAS / f"{name}.sql"
        with psycopg.connect(empty_database, autocommit=True) as connection:
            connection.execute(file.read_text(encoding="utf-8").encode())
        return empty_database

    return make
