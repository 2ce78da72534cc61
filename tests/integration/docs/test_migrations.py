"""The how-to for plain SQL, its migration: everything is told, what was written amid it too."""

import tomlkit

from tests.acceptance.conftest import running, until
from tests.integration.docs.conftest import SECRET, Reader


def add_ports(reader: Reader) -> None:
    """Those of the page may be taken here."""
    values = reader.values | {"http": {"port": 0}, "metrics": {"port": 0}}
    reader.file.write_text(tomlkit.dumps(values), encoding="utf-8")


def told(reader: Reader) -> set[str]:
    """What the customer has in the inbox."""
    rows = reader.connection.execute("SELECT event FROM orderbell.notification WHERE user_id = '1'").fetchall()
    return {str(event) for (event,) in rows}


def set_aside(reader: Reader) -> int:
    return len(reader.connection.execute("SELECT FROM orderbell.change_failed").fetchall())


async def test_what_is_written_around_a_migration_is_told(plain_sql: Reader) -> None:
    plain_sql.ready()
    add_ports(plain_sql)
    section = plain_sql.page.section("Migrations")

    async with running(plain_sql.file, ORDERBELL_AUTH__SECRET=SECRET):
        plain_sql.sql("INSERT INTO order_head VALUES (1, 1, 1, 'NW', 12)")
        await until(lambda: plain_sql.changes() == 0, 60)
        plain_sql.sql(section.block("sql"))
        plain_sql.sql("UPDATE order_head SET state = 'AC'")
        await until(lambda: set_aside(plain_sql) == 1, 60)

    plain_sql.mend(section.block("toml"))
    done = plain_sql.shell(section.block("sh"))
    assert done.returncode == 0, done.stderr
    plain_sql.sql("UPDATE order_head SET state = 'PR'")
    async with running(plain_sql.file, ORDERBELL_AUTH__SECRET=SECRET):
        everything = {"order.created", "order.confirmed", "order.preparing"}
        await until(lambda: told(plain_sql) == everything, 60)
    assert set_aside(plain_sql) == 0


def test_a_table_that_is_made_anew_wants_another_install(plain_sql: Reader) -> None:
    plain_sql.ready()
    plain_sql.sql(
        "ALTER TABLE order_head RENAME TO order_before; CREATE TABLE order_head (LIKE order_before INCLUDING ALL)"
    )
    assert plain_sql.shell("orderbell check").returncode == 1
    assert plain_sql.shell("orderbell install").returncode == 0
    assert plain_sql.shell("orderbell check").returncode == 0
