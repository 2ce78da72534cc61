"""One behaviour, whatever captures: each test of this folder runs with each source of changes."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from daemon.capture.outbox import Captured, changes_in
from daemon.planning.values import Change
from schema.install import install
from tests.sources import SOURCES, ended, identify, reading

CATCH_UP_SECONDS = 30.0

MARKER = {"name": "marker", "table": "marker"}
"""A watch of the tests' own: once its newest row is captured, so is everything that was committed before."""

ROWS = "SELECT watch, op, key, old, new, error FROM orderbell.change WHERE watch <> 'marker' ORDER BY id"
CAPTURED = "SELECT id, watch, op, key, old::text, new::text, error, captured_at FROM orderbell.change ORDER BY id"


class Row(NamedTuple):
    """What was captured of one row."""

    watch: str
    op: str
    key: str | None
    old: Any
    new: Any
    error: str | None


class Capture:
    """An application's database, and what is captured of it."""

    def __init__(self, url: str, source: str) -> None:
        self.url = url
        self.source = source
        self.settings = Settings()
        self._app = psycopg.connect(url, autocommit=True, row_factory=tuple_row)
        self._app.execute("CREATE TABLE marker (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text)")
        self._reader: asyncio.Task[None] | None = None

    @property
    def triggers(self) -> bool:
        """Whether triggers capture: where the two differ, the test says so with this."""
        return self.source == "outbox"

    @property
    def version(self) -> int:
        """PostgreSQL's."""
        return self._app.info.server_version // 10_000

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The application does this, in a transaction of its own where it does not say otherwise."""
        cursor = self._app.execute(query.encode(), parameters or None)
        return cursor.fetchall() if cursor.description is not None else []

    def copy(self, query: str, data: bytes) -> None:
        """The application copies rows in."""
        with self._app.cursor() as cursor, cursor.copy(query.encode()) as copy:
            copy.write(data)

    def session(self, **parameters: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """Another connection of the application; a transaction begins with the first statement."""
        return psycopg.connect(self.url, row_factory=tuple_row, **parameters)

    async def watch(self, *watches: dict[str, Any], **sections: Any) -> None:
        """Install these watches, and begin to capture."""
        self.settings = Settings.model_validate(
            {
                "database": {"url": self.url},
                "capture": {"source": self.source} if not self.triggers else {},
                "watch": [*watches, MARKER],
                **sections,
            }
        )
        self.prepare(*(watch.table for watch in self.settings.watch))
        await self.install_again()

    def prepare(self, *tables: str) -> None:
        """What whoever owns these tables does for the log: it has to say what a row was before."""
        if not self.triggers:
            identify(self._app, tables)

    async def install_again(self) -> None:
        """As after a change of the tables."""
        await self.stop()
        await asyncio.to_thread(install, self.settings)
        self._reader = reading(self.settings)

    async def rows(self) -> list[Row]:
        """Everything that was captured of what is committed by now, in order."""
        await self.caught_up()
        return [Row(*row) for row in self.sql(ROWS)]

    async def changes(self) -> list[Change]:
        """The same, as the planner reads it."""
        await self.caught_up()
        watches = {watch.name: watch for watch in self.settings.watch}
        captured = [Captured(*row) for row in self.sql(CAPTURED)]
        return [change for row in captured if row.watch != "marker" for change in changes_in(row, watches)]

    async def caught_up(self) -> None:
        """Until everything is captured that is committed by now. Raises what made the reader end."""
        ((marker,),) = self.sql("INSERT INTO marker (status) VALUES ('here') RETURNING id::text")
        seen = "SELECT EXISTS (SELECT FROM orderbell.change WHERE watch = 'marker' AND key = %s)"
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while self.sql(seen, marker) != [(True,)]:
                if self._reader is not None and self._reader.done():
                    self._reader.result()
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """End the reader, if one runs."""
        if self._reader is not None:
            await ended(self._reader, self._app)
            self._reader = None

    async def close(self) -> None:
        await self.stop()
        self._app.close()


def steps(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """(op, key, old status, new status) of each."""
    return [(row.op, row.key, (row.old or {}).get("status"), row.new["status"]) for row in rows]


def by_key(rows: Iterable[Row]) -> dict[str | None, list[tuple[Any, ...]]]:
    """The steps of each key, in order: between keys of one statement there is none."""
    found: dict[str | None, list[tuple[Any, ...]]] = defaultdict(list)
    for op, key, old, new in steps(rows):
        found[key].append((op, old, new))
    return dict(found)


@pytest.fixture(params=SOURCES)
async def capture(any_empty_database: str, request: pytest.FixtureRequest) -> AsyncIterator[Capture]:
    made = Capture(any_empty_database, request.param)
    yield made
    await made.close()
