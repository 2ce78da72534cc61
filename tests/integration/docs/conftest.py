"""A reader of a how-to: the page's tables in a database, and its commands in a folder of their own."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomlkit

from tests.pages import Page

SECRET = "a secret for tests that is long enough"
URL = "postgresql://user@host/name"

APPLICATIONS = ("django", "rails", "laravel", "plain-sql")


class Reader:
    """Does in this folder and this database what the page says."""

    def __init__(self, page: Page, folder: Path, url: str) -> None:
        self.page = page
        self.folder = folder
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)

    @property
    def file(self) -> Path:
        return self.folder / "orderbell.toml"

    @property
    def values(self) -> dict[str, Any]:
        return tomllib.loads(self.file.read_text(encoding="utf-8"))

    def shell(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As the page has it; only the database's address is another one."""
        return subprocess.run(
            ["sh", "-ec", script.replace(URL, f"'{self.url}'")],
            cwd=self.folder,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def sql(self, script: str) -> None:
        self.connection.execute(script.encode())

    def look(self) -> subprocess.CompletedProcess[str]:
        """Run ``orderbell init``: the file is there."""
        self.sql(next(iter(Page(self.page.name).blocks("sql"))))
        done = self.shell(self.page.section("Let Orderbell look").block("sh"))
        assert done.returncode == 0, done.stderr
        return done

    def mend(self, block: str) -> None:
        """What the page says of a section takes the place of what was there; audiences come on top."""
        values, shown = self.values, tomllib.loads(block)
        audiences = values.get("audience", {}) | shown.get("audience", {})
        self.file.write_text(tomlkit.dumps({**values, **shown, "audience": audiences}), encoding="utf-8")

    def ready(self) -> None:
        """Everything up to ``orderbell install``."""
        self.look()
        for title in ("What to check", "Say the rest"):
            if f"## {title}\n" in self.page.text:
                section = self.page.section(title)
                for block in section.blocks("toml"):
                    self.mend(block)
                check, install = section.block("sh").splitlines()
                checked = self.shell(check)
                assert checked.stdout.splitlines()[-1] == "Everything else is well. Next: orderbell install", checked
                installed = self.shell(install)
                assert installed.returncode == 0, installed.stderr
        checked = self.shell("orderbell check")
        assert (checked.returncode, checked.stderr) == (0, "")

    def changes(self) -> int:
        found = self.connection.execute("SELECT count(*) FROM orderbell.change").fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture(params=APPLICATIONS)
def reader(request: pytest.FixtureRequest, tmp_path: Path, empty_database: str) -> Iterator[Reader]:
    """Of each page about an application, in turn."""
    made = Reader(Page(f"docs/how-to/{request.param}.md"), tmp_path, empty_database)
    yield made
    made.connection.close()


@pytest.fixture
def plain_sql(tmp_path: Path, empty_database: str) -> Iterator[Reader]:
    made = Reader(Page("docs/how-to/plain-sql.md"), tmp_path, empty_database)
    yield made
    made.connection.close()
