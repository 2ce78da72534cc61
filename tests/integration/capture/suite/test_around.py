"""Who writes, what is sent beside it, and what comes of it in the end."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.capture.suite.conftest import Capture, steps
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for

APP = "capturing_app"


@pytest.fixture
async def shop(capture: Capture) -> Capture:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    await capture.watch({"table": "orders"})
    return capture


@pytest.fixture
def app(shop: Capture) -> Iterator[psycopg.Connection[Any]]:
    """A role that may write orders, and nothing else."""
    shop.sql(f"DROP ROLE IF EXISTS {APP}")
    shop.sql(f"CREATE ROLE {APP} LOGIN; GRANT INSERT, UPDATE, SELECT ON orders TO {APP}")
    with shop.session(user=APP, autocommit=True) as connection:
        yield connection
    shop.sql(f"DROP OWNED BY {APP}; DROP ROLE {APP}")


async def test_an_application_without_any_grant_on_our_schema_can_write(
    shop: Capture, app: psycopg.Connection[Any]
) -> None:
    # A table of its own making must not catch what our function calls.
    app.execute("CREATE TEMP TABLE change (x int)")
    app.execute("SET search_path = pg_temp, public")
    app.execute("INSERT INTO orders VALUES (1, 'pending')")
    app.execute("UPDATE orders SET status = 'ready'")
    assert steps(await shop.rows()) == [("insert", "1", None, "pending"), ("update", "1", "pending", "ready")]


async def test_a_session_that_fires_no_triggers_is_captured_by_the_log_alone(shop: Capture) -> None:
    """As replication and restores have it."""
    shop.sql("BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO orders VALUES (1, 'pending'); COMMIT")
    assert steps(await shop.rows()) == ([] if shop.triggers else [("insert", "1", None, "pending")])


async def test_what_is_sent_beside_a_change_comes_once(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending'); SELECT orderbell.send('order.ready', '1'); COMMIT")
    shop.sql("BEGIN; UPDATE orders SET status = 'ready'; SELECT orderbell.send('order.ready', '2'); ROLLBACK")
    await shop.caught_up()
    found = shop.sql("SELECT op, key FROM orderbell.change WHERE watch IS DISTINCT FROM 'marker' ORDER BY op")
    assert found == [("event", "1"), ("insert", "1")]


async def test_where_somebody_is_is_captured(capture: Capture) -> None:
    capture.sql("CREATE TABLE drivers (id text PRIMARY KEY, lat float8, lng float8, name text)")
    await capture.watch(
        {
            "name": "positions",
            "table": "drivers",
            "live": {"rooms": "SELECT id, 'order:1' FROM drivers WHERE id = ANY(:keys)"},
        }
    )
    capture.sql("INSERT INTO drivers VALUES ('dee', 52.5, 13.4)")
    capture.sql("UPDATE drivers SET lng = 13.5")
    found = await capture.rows()
    assert [(row.op, row.key, row.new) for row in found] == [
        ("insert", "dee", {"id": "dee", "lat": 52.5, "lng": 13.4}),
        ("update", "dee", {"id": "dee", "lat": 52.5, "lng": 13.5}),
    ]


@pytest.fixture
async def planned(capture: Capture) -> tuple[Capture, Bench]:
    """A shop with people and the rules of the preset, and a planner."""
    capture.sql(SHOP)
    given = settings_for(capture.url)
    sections = given.model_dump(exclude_unset=True, exclude={"database", "watch", "capture"})
    await capture.watch(given.watch[0].model_dump(exclude_unset=True), **sections)
    return capture, Bench(capture.url, capture.settings, NoRoom())


LIFE = ("confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")


async def test_a_whole_life_of_an_order_is_planned_alike(planned: tuple[Capture, Bench]) -> None:
    shop, bench = planned
    try:
        shop.sql("INSERT INTO orders (status, customer_id, vendor_id) VALUES ('pending', 1, 2)")
        for status in LIFE:
            shop.sql("UPDATE orders SET status = %s, driver_id = %s", status, 3 if status == "picked_up" else None)
            shop.sql("UPDATE orders SET note = 'of no interest to anybody'")
        await shop.caught_up()
        await bench.plan()
        events = bench.rows("SELECT name, key, data FROM orderbell.event WHERE watch = 'orders' ORDER BY id")
        told = bench.rows("SELECT audience, user_id, event FROM orderbell.notification")
    finally:
        bench.close()
    assert [event["name"] for event in events] == ["order.created", *(f"order.{status}" for status in LIFE)]
    assert {event["key"] for event in events} == {"1"}
    assert events[0]["data"]["customer_id"] == 1
    assert len(told) == 17, "sixteen, and one more driver who was offered it"


async def test_places_are_planned_alike(capture: Capture) -> None:
    capture.sql("CREATE TABLE drivers (id text PRIMARY KEY, lat float8, lng float8)")
    rooms = "SELECT id, 'order:1' FROM drivers WHERE id = ANY(:keys)"
    await capture.watch({"name": "positions", "table": "drivers", "live": {"rooms": rooms}})
    bench = Bench(capture.url, capture.settings, NoRoom())
    try:
        capture.sql("INSERT INTO drivers VALUES ('dee', 52.5, 13.4), ('dan', 52.6, 13.6)")
        capture.sql("UPDATE drivers SET lng = 13.5 WHERE id = 'dee'")
        await capture.caught_up()
        await bench.plan()
    finally:
        bench.close()
    places = {(seen.key, seen.latitude, seen.longitude) for seen in bench.seen}
    assert places == {("dee", 52.5, 13.5), ("dan", 52.6, 13.6)}
