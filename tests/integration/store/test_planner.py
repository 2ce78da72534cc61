"""From captured changes to rows, in one transaction."""

import asyncio

import psycopg
import pytest
from prometheus_client import REGISTRY

from schema.install import install
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for

LIFECYCLE = ("pending", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")


def live_through(bench: Bench, *statuses: str) -> None:
    bench.sql("INSERT INTO orders (status, customer_id, vendor_id) VALUES ('pending', 1, 2)")
    for status in statuses:
        driver = ", driver_id = 4" if status == "picked_up" else ""
        bench.sql(f"UPDATE orders SET status = %s{driver}", status)


async def test_a_lifecycle_is_planned_for_everyone(bench: Bench) -> None:
    live_through(bench, *LIFECYCLE[1:])
    await bench.until_asleep()
    told = bench.rows("SELECT audience, count(*) FROM orderbell.notification GROUP BY 1 ORDER BY 1")
    assert {row["audience"]: row["count"] for row in told} == {
        "available_drivers": 2,
        "customer": 7,
        "driver": 2,
        "vendor": 7,
    }
    assert bench.rows("SELECT * FROM orderbell.change") == []
    assert bench.rows("SELECT * FROM orderbell.message WHERE error IS NOT NULL") == []


async def test_ids_and_texts_belong_together(bench: Bench) -> None:
    live_through(bench, "confirmed")
    await bench.until_asleep()
    rows = bench.rows(
        "SELECT n.user_id, n.event, e.name, m.title, m.audience = n.audience AS own, e.id = m.event_id AS same"
        " FROM orderbell.notification n JOIN orderbell.event e ON e.id = n.event_id"
        " JOIN orderbell.message m ON m.id = n.message_id ORDER BY n.id"
    )
    assert [(row["user_id"], row["title"]) for row in rows] == [
        ("1", "We have your order #1"),
        ("2", "New order #1 from Cora"),
        ("1", "Order #1 is confirmed"),
        ("2", "Order #1 confirmed"),
    ]
    assert all(row["own"] and row["same"] and row["event"] == row["name"] for row in rows)


async def test_deliveries_wait_in_the_database_when_there_is_no_room(bench: Bench) -> None:
    live_through(bench)
    await bench.until_asleep()
    rows = bench.rows("SELECT channel, address, state, attempt, leased_by FROM orderbell.delivery ORDER BY id")
    assert rows == [
        {
            "channel": "email",
            "address": "cora@example.com",
            "state": "pending",
            "attempt": 0,
            "leased_by": None,
        },
        {
            "channel": "email",
            "address": "vic@example.com",
            "state": "pending",
            "attempt": 0,
            "leased_by": None,
        },
    ]
    skipped = bench.rows("SELECT channel, state, reason, attempt FROM orderbell.delivery_history")
    assert skipped == [{"channel": "webpush", "state": "skipped", "reason": "no_address", "attempt": 0}]


async def test_deliveries_are_born_leased_as_far_as_there_is_room(bench: Bench, room: NoRoom) -> None:
    room.room = 1
    live_through(bench)
    await bench.until_asleep()
    rows = bench.rows(
        "SELECT id, state, attempt, leased_by, due_at > now() AS held FROM orderbell.delivery ORDER BY id"
    )
    assert [(r["state"], r["attempt"], r["leased_by"], r["held"]) for r in rows] == [
        ("sending", 1, "test-node", True),
        ("pending", 0, None, False),
    ]
    (accepted,) = room.accepted
    assert (accepted.id, accepted.address, accepted.title) == (
        rows[0]["id"],
        "cora@example.com",
        "We have your order #1",
    )
    assert room.reserved == 0


async def test_every_notification_is_published_live(bench: Bench) -> None:
    live_through(bench, "confirmed")
    await bench.until_asleep()
    ids = [row["id"] for row in bench.rows("SELECT id FROM orderbell.notification ORDER BY id")]
    assert [d.notification_id for d in bench.published] == ids
    assert {d.address for d in bench.published} == {"1", "2"}


async def test_an_order_without_a_customer_and_an_unknown_status_leave_a_row_that_says_so(
    bench: Bench,
) -> None:
    bench.sql("INSERT INTO orders (status, vendor_id) VALUES ('pending', 99)")
    bench.sql("UPDATE orders SET status = 'abducted'")
    await bench.until_asleep()
    rows = bench.rows("SELECT name, remarks FROM orderbell.event ORDER BY id")
    assert rows == [
        {"name": "order.created", "remarks": ["customer: nobody", "vendor: user 99 is not among the people"]},
        {"name": "order.abducted", "remarks": ["no rule is for order.abducted"]},
    ]


async def test_an_order_deleted_meanwhile_is_told_as_far_as_the_change_knows(bench: Bench) -> None:
    live_through(bench, "ready")
    bench.sql("DELETE FROM orders")
    await bench.until_asleep()
    (row,) = bench.rows("SELECT remarks FROM orderbell.event WHERE name = 'order.ready'")
    assert row["remarks"] == ["available_drivers: nobody"]
    assert len(bench.rows("SELECT FROM orderbell.notification WHERE audience = 'customer'")) == 2


async def test_a_status_that_goes_backwards_is_told(bench: Bench) -> None:
    live_through(bench, "delivered", "preparing")
    await bench.until_asleep()
    assert [r["name"] for r in bench.rows("SELECT name FROM orderbell.event ORDER BY id")][-1] == "order.preparing"


async def test_a_megabyte_in_a_column_is_planned_and_kept_short(bench: Bench) -> None:
    bench.sql("INSERT INTO orders (status, customer_id, note) VALUES ('pending', 1, repeat('x', 1000000))")
    await bench.until_asleep()
    (row,) = bench.rows("SELECT length(data::text) AS size FROM orderbell.event")
    assert row["size"] < 10_000


async def test_changes_of_one_order_are_planned_in_the_order_of_their_commits(bench: Bench) -> None:
    live_through(bench, *[status for _ in range(30) for status in ("ready", "preparing")])
    await bench.until_asleep()
    names = [row["name"] for row in bench.rows("SELECT name FROM orderbell.event ORDER BY id")]
    assert names == ["order.created", *["order.ready", "order.preparing"] * 30]


async def test_a_change_that_cannot_be_planned_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    """The people query fails on one order's data: a cast in the application's own function, say."""
    bench.sql("ALTER TABLE orders ALTER customer_id TYPE text")
    install(settings_for(bench.url))
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', '1')")
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', 'not a number')")
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', '2')")
    await bench.until_asleep()
    (failed,) = bench.rows("SELECT key, error FROM orderbell.change_failed")
    assert failed["key"] == "2"
    assert "not a number" in failed["error"]
    assert [r["key"] for r in bench.rows("SELECT key FROM orderbell.event ORDER BY id")] == ["1", "3"]
    assert bench.rows("SELECT * FROM orderbell.change") == []


async def test_a_change_of_a_watch_that_is_no_longer_configured_is_set_aside(bench: Bench) -> None:
    bench.sql("INSERT INTO orderbell.change (watch, op, key, new) VALUES ('gone', 'insert', '1', '{}')")
    bench.sql("INSERT INTO orderbell.change (watch, op, key, new) VALUES ('orders', 'insert', NULL, '{}')")
    live_through(bench)
    await bench.until_asleep()
    errors = [row["error"] for row in bench.rows("SELECT error FROM orderbell.change_failed ORDER BY id")]
    assert "no [[watch]] is named 'gone'" in errors[0]
    assert "no id" in errors[1]
    assert len(bench.rows("SELECT FROM orderbell.event")) == 1


async def test_a_dropped_column_loses_no_change(bench: Bench) -> None:
    bench.sql("INSERT INTO orders (status, customer_id, vendor_id) VALUES ('pending', 1, 2), ('pending', 1, 2)")
    bench.sql("ALTER TABLE orders DROP COLUMN note")
    bench.sql("UPDATE orders SET status = 'confirmed'")
    bench.sql("UPDATE orders SET driver_id = 3")
    await bench.until_asleep()
    names = [row["name"] for row in bench.rows("SELECT name FROM orderbell.event ORDER BY id")]
    assert names == ["order.created"] * 2 + ["order.confirmed"] * 2
    assert bench.rows("SELECT * FROM orderbell.change_failed") == []


async def test_a_dropped_key_is_set_aside_whole(bench: Bench) -> None:
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', 1)")
    bench.sql("ALTER TABLE orders RENAME COLUMN id TO number")
    bench.sql("UPDATE orders SET status = 'confirmed'")
    await bench.until_asleep()
    (failed,) = bench.rows("SELECT error, new FROM orderbell.change_failed")
    assert "orderbell install" in failed["error"]
    assert failed["new"][0]["status"] == "confirmed"


def active(bench: Bench) -> bool:
    return bench.planner.active


async def test_only_one_planner_is_active_and_another_takes_over(bench: Bench, any_empty_database: str) -> None:
    second = Bench(any_empty_database, settings_for(any_empty_database), NoRoom())
    first_task = asyncio.create_task(bench.planner.run())
    async with asyncio.timeout(30):
        await bench.planner._doorbell.asleep.wait()
        second_task = asyncio.create_task(second.planner.run())
        await second.planner.live.wait()
    assert [active(bench), active(second)] == [True, False]
    try:
        # It ends, and does not come back; one that does may be the first to ask again.
        first_task.cancel()
        await asyncio.gather(first_task, return_exceptions=True)
        async with asyncio.timeout(30):
            await second.planner._doorbell.asleep.wait()
        assert active(second)
        live_through(bench)
        async with asyncio.timeout(30):
            while not second.published:
                await asyncio.sleep(0.01)
    finally:
        for task in (first_task, second_task):
            task.cancel()
        await asyncio.gather(first_task, second_task, return_exceptions=True)
        second.close()


async def test_a_planner_that_lost_its_connection_comes_back_and_loses_nothing(bench: Bench) -> None:
    task = asyncio.create_task(bench.planner.run())
    try:
        for n in range(5):
            live_through(bench)
            bench.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'orderbell %' AND datname = current_database()"
            )
            live_through(bench)
            async with asyncio.timeout(30):
                while len(bench.rows("SELECT FROM orderbell.event")) < 2 * (n + 1):
                    await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(bench.rows("SELECT FROM orderbell.event")) == 10


@pytest.mark.parametrize("lost", ["orderbell planner", "orderbell planner's reader"])
async def test_a_connection_that_ends_while_it_sleeps_is_made_anew_before_the_next_order(
    bench: Bench, lost: str
) -> None:
    doorbell, live = bench.planner._doorbell, bench.planner.live
    task = asyncio.create_task(bench.planner.run())
    try:
        async with asyncio.timeout(30):
            await doorbell.asleep.wait()
            bench.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                lost,
            )
            while live.is_set():
                await asyncio.sleep(0)  # it is live again in a moment
            await live.wait()
            await doorbell.asleep.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("query", ["SELECT 1, 2, 3 WHERE 1 = ANY(:keys)", "SELECT * FROM no_such_table"])
async def test_a_query_of_the_configuration_that_is_wrong_sets_changes_aside_with_its_name(
    any_empty_database: str, query: str
) -> None:
    with psycopg.connect(any_empty_database) as connection:
        connection.execute(SHOP)
    settings = settings_for(
        any_empty_database,
        audience={"customer": {"query": query}},
        rule=[{"event": "order.created", "audience": "customer"}],
    )
    install(settings)
    bench = Bench(any_empty_database, settings, NoRoom())
    live_through(bench)
    await bench.until_asleep()
    (failed,) = bench.rows("SELECT error FROM orderbell.change_failed")
    assert "audience.customer" in failed["error"] or "no_such_table" in failed["error"]
    bench.close()


async def test_an_event_that_was_sent_with_a_key_is_told_once(bench: Bench) -> None:
    for _ in range(3):
        bench.sql("SELECT orderbell.send('order.refunded', '7', '{\"customer_id\": 1}', 'refund-7')")
    await bench.until_asleep()
    bench.sql("SELECT orderbell.send('order.refunded', '7', '{\"customer_id\": 1}', 'refund-7')")
    bench.sql("SELECT orderbell.send('order.refunded', '7', '{\"customer_id\": 1}')")
    await bench.until_asleep()
    rows = bench.rows("SELECT name, subject, idempotency_key FROM orderbell.event ORDER BY id")
    assert rows == [
        {"name": "order.refunded", "subject": "order:7", "idempotency_key": "refund-7"},
        {"name": "order.refunded", "subject": "order:7", "idempotency_key": None},
    ]
    assert len(bench.rows("SELECT FROM orderbell.notification WHERE user_id = '1'")) == 2


async def test_an_event_that_makes_no_sense_is_set_aside(bench: Bench) -> None:
    bench.sql("SELECT orderbell.send('No Event', '7')")
    await bench.until_asleep()
    (row,) = bench.rows("SELECT error FROM orderbell.change_failed")
    assert "order.ready" in row["error"]


async def test_a_newer_status_replaces_what_still_waits_of_an_older_one(bench: Bench) -> None:
    live_through(bench)
    await bench.until_asleep()
    bench.sql("UPDATE orders SET status = 'confirmed'")
    await bench.until_asleep()
    rows = bench.rows(
        "SELECT n.event, n.audience, coalesce(d.state, h.state) AS state, h.reason FROM orderbell.notification n"
        " LEFT JOIN orderbell.delivery d ON d.notification_id = n.id AND d.channel = 'email'"
        " LEFT JOIN orderbell.delivery_history h ON h.notification_id = n.id AND h.channel = 'email' ORDER BY n.id"
    )
    assert [(r["event"], r["audience"], r["state"], r["reason"]) for r in rows] == [
        ("order.created", "customer", "skipped", "superseded"),
        ("order.created", "vendor", "pending", None),
        ("order.confirmed", "customer", "pending", None),
        ("order.confirmed", "vendor", None, None),
    ]


async def test_another_orders_deliveries_are_left_alone(bench: Bench) -> None:
    live_through(bench)
    live_through(bench, "confirmed")
    await bench.until_asleep()
    rows = bench.rows("SELECT subject, audience FROM orderbell.delivery WHERE channel = 'email' ORDER BY id")
    assert ("order:1", "customer") in [(row["subject"], row["audience"]) for row in rows]


async def test_a_suppressed_address_is_skipped_however_the_application_spells_it(bench: Bench) -> None:
    bench.sql("INSERT INTO orderbell.suppression VALUES ('email', 'cora@example.com', 'stop')")
    bench.sql("UPDATE people SET email = ' Cora@Example.COM ' WHERE id = 1")
    live_through(bench)
    await bench.until_asleep()
    rows = bench.rows("SELECT address, reason FROM orderbell.delivery_history WHERE channel = 'email'")
    assert rows == [{"address": "Cora@Example.COM", "reason": "suppressed"}]


async def test_states_only_go_forward_whoever_writes(bench: Bench) -> None:
    live_through(bench)
    await bench.until_asleep()
    bench.sql(
        "INSERT INTO orderbell.delivery_history (id, notification_id, channel, state, attempt, finished_at)"
        " VALUES (1000, 1, 'sms', 'sent', 1, now())"
    )
    bench.sql("UPDATE orderbell.delivery_history SET state = 'delivered' WHERE id = 1000")
    for state in ("sent", "failed"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            bench.sql("UPDATE orderbell.delivery_history SET state = %s WHERE id = 1000", state)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        bench.sql("UPDATE orderbell.delivery SET attempt = attempt + 2, state = 'sending'")


async def test_a_plan_that_is_not_committed_gives_its_room_back(bench: Bench, room: NoRoom) -> None:
    room.room = 100
    bench.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
        " CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orderbell.delivery DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    live_through(bench, "confirmed")
    await bench.until_asleep()
    assert len(bench.rows("SELECT FROM orderbell.change_failed")) == 2
    assert room.reserved == 0
    assert room.accepted == []


async def test_a_locked_table_of_the_application_is_waited_for_and_nobody_waits_for_us(bench: Bench) -> None:
    """The application migrates one table after the other; we read both. It must neither wait nor deadlock."""
    task = asyncio.create_task(bench.planner.run())
    migration = await psycopg.AsyncConnection.connect(bench.url)
    try:
        async with asyncio.timeout(60):
            await bench.planner._doorbell.asleep.wait()
            await migration.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
            stood_back = REGISTRY.get_sample_value("orderbell_planner_waits_total") or 0.0
            live_through(bench, "ready")
            while (REGISTRY.get_sample_value("orderbell_planner_waits_total") or 0.0) < stood_back + 2:
                await asyncio.sleep(0.01)
            await migration.execute("SET LOCAL lock_timeout = '15s'")
            await migration.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            await migration.commit()
            while len(bench.rows("SELECT FROM orderbell.event")) < 2:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await migration.close()
    assert bench.rows("SELECT * FROM orderbell.change_failed") == []


@pytest.mark.parametrize(
    "setting",
    [
        "datestyle = 'SQL, DMY'",
        "statement_timeout = '300ms'",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "timezone = 'Asia/Kathmandu'",
        "idle_session_timeout = '200ms'",
    ],
)
async def test_what_the_database_is_set_to_does_not_change_what_we_do(bench: Bench, setting: str) -> None:
    name = bench.rows("SELECT current_database() AS name")[0]["name"]
    bench.sql(f"ALTER DATABASE {name} SET {setting}")
    live_through(bench, "ready")
    await bench.until_asleep()
    assert len(bench.rows("SELECT FROM orderbell.event")) == 2
    assert bench.rows("SELECT * FROM orderbell.change_failed") == []
