"""The publication: which tables the slot gives changes of, and which changes.

``install`` makes one and keeps it as it should be; it knows its own by a comment. Any other, which a superuser or the
tables' owner has made, is used where it publishes what is wanted, and never touched.

DELETE is published for the sake of partitioned tables: an update that moves a row to another partition is a DELETE here
and an INSERT there. No list of columns and no row filter: with them, a later change of a table's replica identity would
make the application's own updates fail. For the same reason generated columns are published, where the server can
(PostgreSQL 18): with ``REPLICA IDENTITY FULL`` a table that has one could not be updated otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from config.mapping import Watch
from schema.inspection import Relation, Table
from schema.patience import patiently
from schema.queries import statements

_SQL = statements("changelog")

MADE_BY_US = "made by orderbell install"
"""The comment by which ``install`` knows its publication."""

WITH_GENERATED_COLUMNS = 180000
"""The version from which on they can be published."""

Tables = list[tuple[Watch, Table]]


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication as it is."""

    name: str
    owner: str
    ours: bool
    """Made by ``install``, and this role may change it."""
    made_by_us: bool
    writes: bool
    """Publishes INSERT, UPDATE and DELETE."""
    more: bool
    """Publishes TRUNCATE."""
    via_root: bool
    generated: bool
    """Publishes generated columns, or the server never does."""
    members: dict[int, tuple[Relation, bool]]
    """Tables put into it by name, and whether with all rows and columns."""
    everything: bool
    """FOR ALL TABLES: also those that are made later."""
    published: dict[int, Relation]
    """Tables that it publishes, also because it publishes a schema or everything."""

    @property
    def endless(self) -> bool:
        """Whether it publishes Orderbell's own tables, and ``install`` does not mend it: each transaction that is read
        would write the next one that is to be read.
        """
        mended = self.members.keys() if self.ours else ()
        own = any(relation.schema == "orderbell" for oid, relation in self.published.items() if oid not in mended)
        return self.everything or own


def publication_of(connection: Connection[Any], name: str) -> Publication | None:
    """The publication of that name; None when there is none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["publication"], {"publication": name}).fetchone()
        if row is None:
            return None
        oid, owner, mine, comment, writes, more, via_root, generated, everything = row
        members = {
            table: (Relation(table, schema, relation), whole)
            for table, schema, relation, whole in cursor.execute(_SQL["members"], {"oid": oid}).fetchall()
        }
    made_by_us = comment == MADE_BY_US
    published = published_tables(connection, name)
    ours = made_by_us and mine
    return Publication(name, owner, ours, made_by_us, writes, more, via_root, generated, members, everything, published)


def published_tables(connection: Connection[Any], publication: str) -> dict[int, Relation]:
    """Oid -> each table that it publishes; a partitioned one as itself where its partitions appear under its name."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SQL["published"], {"publication": publication}).fetchall()
    return {oid: Relation(oid, schema, name) for oid, schema, name in rows}


def wanted_tables(tables: Tables) -> dict[int, Relation]:
    """What must be in it by name: partitions are published with their table, children by inheritance are not."""
    wanted: dict[int, Relation] = {}
    for _, table in tables:
        for relation in table.family[:1] if table.kind == "p" else table.family:
            wanted.setdefault(relation.oid, relation)
    return wanted


def endlessness(found: Publication | None, wanted: dict[int, Relation]) -> str | None:
    """What a person must mend of one that publishes Orderbell's own tables, in words that go after its name."""
    if found is None or not found.endless:
        return None
    one = f", or one FOR TABLE {_names(wanted.values())}" if wanted else ""
    return f"publishes Orderbell's own tables, and would be read for ever: name another{one}"


def deviations(found: Publication | None, wanted: dict[int, Relation]) -> list[str]:
    """What it does not publish as is wanted, in words that go after its name; empty when all is well."""
    if found is None:
        return ["does not exist"]
    said = []
    there = found.members.keys() if found.ours else found.published.keys()
    if missing := _names(relation for oid, relation in wanted.items() if oid not in there):
        said.append(f"does not publish {missing}")
    if partly := _names(relation for oid, (relation, whole) in found.members.items() if oid in wanted and not whole):
        said.append(f"publishes not all rows and columns of {partly}")
    if not found.writes:
        said.append("does not publish INSERT, UPDATE and DELETE")
    if not found.via_root:
        said.append("publishes partitions under their own names")
    if not found.generated:
        said.append("does not publish generated columns")
    if found.ours and (extra := _names(relation for oid, (relation, _) in found.members.items() if oid not in wanted)):
        said.append(f"publishes {extra}, which no watch is about")
    if found.ours and found.more:
        said.append("publishes TRUNCATE")
    return said


def mending(
    connection: Connection[Any], name: str, found: Publication | None, wanted: dict[int, Relation]
) -> Iterator[Composed]:
    """The statements that make it what is wanted; none when all is well."""
    generated = connection.info.server_version >= WITH_GENERATED_COLUMNS
    options = SQL("publish = 'insert, update, delete', publish_via_partition_root = true{}").format(
        SQL(", publish_generated_columns = stored" if generated else "")
    )
    publication = Identifier(name)
    if found is None:
        listed = SQL(" FOR TABLE {}").format(_listed(wanted.values())) if wanted else SQL("")
        yield SQL("CREATE PUBLICATION {}{} WITH ({})").format(publication, listed, options)
        return
    dropped = [
        relation
        for oid, (relation, whole) in found.members.items()
        if (oid in wanted and not whole) or (found.ours and oid not in wanted)
    ]
    if dropped:
        yield SQL("ALTER PUBLICATION {} DROP TABLE {}").format(publication, _listed(dropped))
    if not (found.writes and found.via_root and found.generated) or (found.ours and found.more):
        yield SQL("ALTER PUBLICATION {} SET ({})").format(publication, options)
    there = found.members.keys() if found.ours else found.published.keys()
    gone = {relation.oid for relation in dropped}
    added = [relation for oid, relation in wanted.items() if oid not in there or oid in gone]
    if added:
        yield SQL("ALTER PUBLICATION {} ADD TABLE {}").format(publication, _listed(added))


def mend(connection: Connection[Any], name: str, wanted: dict[int, Relation]) -> str | None:
    """Make it what is wanted; returns what was done, None when nothing was. What we may not do is refused before."""
    found = publication_of(connection, name)
    wrong = deviations(found, wanted)
    if not wrong:
        return None

    def make() -> None:
        for statement in mending(connection, name, found, wanted):
            connection.execute(statement)
        if found is None:
            comment = SQL("COMMENT ON PUBLICATION {} IS {}").format(Identifier(name), Literal(MADE_BY_US))
            connection.execute(comment)

    patiently(connection, make)
    if found is None:
        return f"made the publication {name}{' of ' if wanted else ''}{_names(wanted.values())}"
    return f"changed the publication {name}, which {' and '.join(wrong)}".replace(" does not", " did not")


def drop(connection: Connection[Any], name: str) -> str | None:
    """Drop it where ``install`` made it; returns what was done, or left and why; None when there is none."""
    found = publication_of(connection, name)
    if found is None:
        return None
    if not found.made_by_us:
        return f"left the publication {name}, which `orderbell install` did not make"
    if not found.ours:
        return f'left the publication {name}, which belongs to "{found.owner}": DROP PUBLICATION {name}'
    patiently(connection, lambda: connection.execute(SQL("DROP PUBLICATION {}").format(Identifier(name))))
    return f"dropped the publication {name}"


def _listed(relations: Iterable[Relation]) -> Composed:
    # ONLY: the children are listed themselves.
    return SQL(", ").join(SQL("ONLY {}").format(Identifier(each.schema, each.name)) for each in relations)


def _names(relations: Iterable[Relation]) -> str:
    return ", ".join(f"{relation.schema}.{relation.name}" for relation in relations)
