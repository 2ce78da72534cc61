"""Steps, withdrawals, digests, throttles and schedules, from the application's write to the rows."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from config.settings import Database
from daemon.connections import Connections
from daemon.delivery.holds import Holds
from daemon.delivery.lastlook import LastLook
from daemon.planning.catalogue import Catalogue
from daemon.planning.known import Known
from daemon.planning.pieces import Piece, pieces
from daemon.store import planner as planner_module
from daemon.store.planner import Draft
from schema.install import install
from tests.integration.store.conftest import Bench, NoRoom, settings_for

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text, time_zone text);
INSERT INTO people SELECT n, 'Person ' || n, 'p' || n || '@example.com', NULL FROM generate_series(1, 12) n;
CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, vendor_id int, driver_id int, total int);
"""

AUDIENCES = {
    "customer": {"column": "customer_id"},
    "vendor": {"column": "vendor_id"},
    "drivers": {"query": "SELECT id FROM people WHERE id BETWEEN 3 AND 9 ORDER BY id"},
}

PEOPLE = "SELECT id AS user_id, name, email, time_zone FROM people WHERE id = ANY(:ids)"

Open = Callable[..., Bench]


@pytest.fixture
def shop(empty_database: str) -> Iterator[Open]:
    """Opens a shop with these rules; order 1 is person 1's, of vendor 2, unless it says otherwise."""
    made: list[Bench] = []

    def open_(*rules: dict[str, Any], room: NoRoom | None = None, **sections: Any) -> Bench:
        with psycopg.connect(empty_database) as connection:
            connection.execute(SHOP)
        settings = settings_for(
            empty_database,
            watch=[{"table": "orders", "columns": ["customer_id", "vendor_id", "total"], "events": {}}],
            people={"query": PEOPLE},
            audience=AUDIENCES,
            rule=rules,
            **sections,
        )
        install(settings)
        made.append(Bench(empty_database, settings, room or NoRoom()))
        return made[-1]

    yield open_
    for bench in made:
        bench.close()


def order(bench: Bench, status: str, number: int = 1, total: int = 50) -> None:
    """The application writes an order, or its new status."""
    bench.sql(
        "INSERT INTO orders VALUES (%s, %s, 1, 2, 3, %s) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
        number,
        status,
        total,
    )


def rule(event: str, audience: str = "customer", **more: Any) -> dict[str, Any]:
    ways = {} if "steps" in more else {"channels": ["email"]}
    return {"event": f"order.{event}", "audience": audience, **ways, **more}


def ended(bench: Bench) -> list[tuple[str, str]]:
    """(address, reason) of everything that was skipped."""
    found = bench.rows("SELECT address, reason FROM orderbell.delivery_history WHERE state = 'skipped' ORDER BY id")
    return [(row["address"], row["reason"]) for row in found]


def waiting(bench: Bench) -> list[str]:
    """The subjects of what is to be sent."""
    return [row["subject"] for row in bench.rows("SELECT subject FROM orderbell.delivery ORDER BY id")]


def device(bench: Bench, user: str, name: str) -> None:
    bench.sql(
        "INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth) VALUES (%s, %s, '', '')",
        user,
        f"https://push.example/{name}",
    )


async def later(bench: Bench) -> None:
    """What was scheduled becomes changes, where its time has come, and is planned."""
    pool = Connections(Database.model_validate({"url": bench.url})).queue()
    await pool.open()
    try:
        await Holds(
            pool, Catalogue({"en": {"fallback": {"title": "t", "body": "b"}}}, "en"), LastLook(), 1
        ).send_scheduled()
    finally:
        await pool.close()
    await bench.plan()


# --- steps ------------------------------------------------------------------------------------------------------------


async def test_later_steps_wait_in_the_database_for_their_time(shop: Open) -> None:
    bench = shop(rule("ready", steps=[{"channels": ["inbox"]}, {"after": "2m", "channels": ["email"]}]), room=NoRoom(9))
    order(bench, "ready")
    await bench.plan()
    (row,) = bench.rows("SELECT step, state, due_at - now() BETWEEN '1m' AND '2m' AS due FROM orderbell.delivery")
    assert row == {"step": 1, "state": "pending", "due": True}


async def test_a_condition_is_asked_of_the_row(shop: Open) -> None:
    bench = shop(rule("ready", steps=[{"channels": ["email"], "where": "total > 100"}]))
    order(bench, "ready", 1, total=50)
    order(bench, "ready", 2, total=500)
    await bench.plan()
    assert waiting(bench) == ["order:2"]
    assert [reason for _, reason in ended(bench)] == ["condition"]


async def test_a_condition_may_end_in_a_comment_and_have_percent_signs_and_braces(shop: Open) -> None:
    where = "status LIKE 're%' AND '{}' <> '%s' -- only those"
    bench = shop(rule("ready", steps=[{"channels": ["email"], "where": where}]))
    order(bench, "ready")
    await bench.plan()
    assert waiting(bench) == ["order:1"]


async def test_a_condition_that_fails_for_one_order_keeps_nobody_from_being_told(shop: Open) -> None:
    """It is asked again when it is due."""
    bench = shop(rule("ready", steps=[{"channels": ["inbox", "email"], "where": "100 / total > 1"}]))
    order(bench, "ready", 1, total=0)
    order(bench, "ready", 2, total=50)
    order(bench, "ready", 3, total=100)
    await bench.plan()
    assert bench.rows("SELECT error FROM orderbell.change_failed") == []
    assert len(bench.rows("SELECT FROM orderbell.notification")) == 3
    assert waiting(bench) == ["order:1", "order:2"]


async def test_a_condition_of_an_event_that_was_sent_is_asked_of_the_row_it_is_about(shop: Open) -> None:
    bench = shop(rule("refunded", steps=[{"channels": ["email"], "where": "total > 100"}]))
    order(bench, "pending", 1, total=50)
    order(bench, "pending", 2, total=500)
    for key in ("1", "2", "no number"):
        bench.sql("SELECT orderbell.send('order.refunded', %s, '{\"customer_id\": 1}')", key)
    await bench.plan()
    assert waiting(bench) == ["order:2", "order:no number"]
    assert bench.rows("SELECT error FROM orderbell.change_failed") == []


# --- withdrawals ------------------------------------------------------------------------------------------------------

OFFER = rule("ready", "drivers", channels=["inbox", "email", "webpush"], withdraw_on=["order.taken"])


async def test_an_offer_that_is_taken_is_taken_back_from_everybody(shop: Open) -> None:
    bench = shop(OFFER)
    order(bench, "ready")
    await bench.plan()
    order(bench, "taken")
    await bench.plan()
    assert bench.rows("SELECT FROM orderbell.notification WHERE withdrawn_at IS NULL") == []
    assert {reason for address, reason in ended(bench) if address} == {"withdrawn"}
    assert [(gone.user_id, gone.unread) for gone in bench.taken_back] == [(str(n), True) for n in range(3, 10)]
    assert waiting(bench) == []


async def test_what_was_read_does_not_count_as_unread_when_it_is_taken_back(shop: Open) -> None:
    bench = shop(OFFER)
    order(bench, "ready")
    await bench.plan()
    bench.sql("UPDATE orderbell.notification SET read_at = now() WHERE user_id = '3'")
    order(bench, "taken")
    await bench.plan()
    assert [gone.user_id for gone in bench.taken_back if not gone.unread] == ["3"]


async def test_what_is_taken_back_in_the_same_batch_is_shown_to_nobody(shop: Open) -> None:
    bench = shop(OFFER, room=NoRoom(99))
    device(bench, "3", "phone")
    order(bench, "ready")
    order(bench, "taken")
    await bench.plan()
    assert bench.published == []
    assert bench.room.accepted == []
    assert waiting(bench) == []
    assert bench.rows("SELECT FROM orderbell.notification WHERE withdrawn_at IS NULL") == []


async def test_a_second_offer_is_a_new_one(shop: Open) -> None:
    bench = shop(OFFER)
    for status in ("ready", "taken", "ready"):
        order(bench, status)
        await bench.plan()
    assert waiting(bench) == ["order:1"] * 7
    assert len(bench.rows("SELECT FROM orderbell.notification WHERE withdrawn_at IS NULL")) == 7


async def test_a_second_offer_in_the_same_batch_is_a_new_one(shop: Open) -> None:
    bench = shop(OFFER)
    order(bench, "ready")
    await bench.plan()
    order(bench, "taken")
    order(bench, "ready")
    await bench.plan()
    assert waiting(bench) == ["order:1"] * 7
    assert len(bench.taken_back) == 7


async def test_another_orders_offer_stays(shop: Open) -> None:
    bench = shop(OFFER)
    order(bench, "ready", 1)
    order(bench, "ready", 2)
    await bench.plan()
    order(bench, "taken", 1)
    await bench.plan()
    assert set(waiting(bench)) == {"order:2"}


async def test_only_a_device_that_was_sent_the_offer_is_told_that_it_holds_no_longer(shop: Open) -> None:
    bench = shop(OFFER)
    device(bench, "3", "phone")
    device(bench, "3", "laptop")
    device(bench, "4", "phone of another")
    order(bench, "ready")
    await bench.plan()
    bench.sql(
        "WITH sent AS (DELETE FROM orderbell.delivery WHERE address LIKE '%/phone\"%' RETURNING *)"
        " INSERT INTO orderbell.delivery_history (id, notification_id, channel, address, state, attempt, finished_at)"
        " SELECT id, notification_id, channel, address, 'sent', 1, now() FROM sent"
    )
    order(bench, "taken")
    await bench.plan()
    (row,) = bench.rows(
        "SELECT d.user_id, d.address, d.kind, d.channel, m.title FROM orderbell.delivery d"
        " JOIN orderbell.message m ON m.id = d.message_id"
    )
    assert json.loads(row.pop("address"))["endpoint"] == "https://push.example/phone"
    assert row == {"user_id": "3", "kind": "withdrawal", "channel": "webpush", "title": "#1: no longer current"}


async def test_a_crash_between_the_offer_and_its_end_leaves_all_or_nothing(shop: Open) -> None:
    bench = shop(OFFER)
    order(bench, "ready")
    await bench.plan()
    bench.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
        " CREATE TRIGGER refuse BEFORE UPDATE ON orderbell.notification FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    order(bench, "taken")
    await bench.plan()
    assert bench.taken_back == []
    assert len(waiting(bench)) == 7
    bench.sql("DROP TRIGGER refuse ON orderbell.notification")
    assert len(bench.rows("SELECT FROM orderbell.change_failed")) == 1


# --- scheduled events -------------------------------------------------------------------------------------------------

SENT = "SELECT orderbell.send('order.delayed', '1', '{{\"customer_id\": 1}}', %s, {}, {})"
TOLD = "SELECT event AS name, withdrawn_at IS NOT NULL AS withdrawn FROM orderbell.notification"


def send(bench: Bench, key: str | None = "k", at: str = "NULL", until: str = "NULL") -> None:
    bench.sql(SENT.format(at, until), key)


def answer(bench: Bench, query: str) -> Any:
    (row,) = bench.rows(f"SELECT {query} AS answer")
    return row["answer"]


async def test_a_scheduled_event_is_told_when_its_time_has_come(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench, at="now() + interval '1 hour'")
    await later(bench)
    assert bench.rows(TOLD) == []
    bench.sql("UPDATE orderbell.scheduled SET scheduled_for = now()")
    await later(bench)
    assert bench.rows(TOLD) == [{"name": "order.delayed", "withdrawn": False}]


@pytest.mark.parametrize("at", ["now() - interval '1 day'", "now()", "NULL", "'-infinity'"])
async def test_what_is_scheduled_for_the_past_is_told_at_once(shop: Open, at: str) -> None:
    bench = shop(rule("delayed"))
    send(bench, at=at)
    await bench.plan()
    assert len(bench.rows(TOLD)) == 1


async def test_the_same_key_scheduled_twice_is_one(shop: Open) -> None:
    bench = shop(rule("delayed"))
    for at in ("now() + interval '1 hour'", "now() + interval '2 hours'", "now()"):
        send(bench, at=at)
    bench.sql("UPDATE orderbell.scheduled SET scheduled_for = now()")
    await later(bench)
    assert len(bench.rows(TOLD)) == 1


async def test_without_a_key_each_is_one_of_its_own(shop: Open) -> None:
    bench = shop(rule("delayed"))
    for _ in range(2):
        send(bench, None, at="now() + interval '1 hour'")
    bench.sql("UPDATE orderbell.scheduled SET scheduled_for = now()")
    await later(bench)
    assert len(bench.rows(TOLD)) == 2


async def test_what_is_cancelled_in_time_is_never_told(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench, at="now() + interval '1 hour'")
    assert answer(bench, "orderbell.cancel('k')") is True
    await later(bench)
    assert bench.rows(TOLD) == bench.rows("SELECT FROM orderbell.scheduled") == []


async def test_what_was_told_is_taken_back_when_it_is_cancelled(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench)
    await bench.plan()
    assert answer(bench, "orderbell.cancel('k')") is True
    await bench.plan()
    assert [row["withdrawn"] for row in bench.rows(TOLD)] == [True]
    assert ended(bench) == [("p1@example.com", "withdrawn")]
    assert [gone.user_id for gone in bench.taken_back] == ["1"]


async def test_what_was_sent_and_not_planned_yet_can_be_cancelled(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench)
    assert answer(bench, "orderbell.cancel('k')") is True
    await bench.plan()
    assert [row["withdrawn"] for row in bench.rows(TOLD)] == [True]
    assert waiting(bench) == []


async def test_what_was_told_and_scheduled_again_is_cancelled_wholly(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench)
    await bench.plan()
    send(bench, at="now() + interval '1 hour'")
    assert answer(bench, "orderbell.cancel('k')") is True
    await bench.plan()
    assert [row["withdrawn"] for row in bench.rows(TOLD)] == [True]


async def test_what_nobody_sent_cannot_be_cancelled_rescheduled_or_extended(shop: Open) -> None:
    bench = shop(rule("delayed"))
    assert answer(bench, "orderbell.cancel('k')") is False
    assert answer(bench, "orderbell.reschedule('k', now())") is False
    assert answer(bench, "orderbell.extend('k', now())") is False


async def test_what_was_cancelled_is_not_told_when_it_is_sent_again_under_its_key(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench)
    await bench.plan()
    answer(bench, "orderbell.cancel('k')")
    send(bench)
    await bench.plan()
    assert [row["withdrawn"] for row in bench.rows(TOLD)] == [True]


async def test_a_scheduled_event_can_be_told_earlier(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench, at="now() + interval '1 hour'")
    assert answer(bench, "orderbell.reschedule('k', now())") is True
    await later(bench)
    assert len(bench.rows(TOLD)) == 1
    assert answer(bench, "orderbell.reschedule('k', now())") is False, "it is told already"


async def test_an_expired_event_is_never_told(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench, "late", at="now() + interval '1 hour'", until="now() + interval '2 hours'")
    bench.sql(
        "UPDATE orderbell.scheduled SET scheduled_for = now() - interval '2 s', expires_at = now() - interval '1 s'"
    )
    send(bench, "over", until="now() - interval '1 s'")
    await later(bench)
    assert bench.rows(TOLD) == []
    assert bench.published == []


async def test_an_event_without_an_end_has_that_of_its_rule(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench)
    await bench.plan()
    hours = "SELECT round(extract(epoch FROM expires_at - now()) / 3600)::int AS hours FROM orderbell.delivery"
    assert bench.rows(hours) == [{"hours": 24}]


async def test_an_events_end_is_that_of_its_deliveries_and_can_be_put_off(shop: Open) -> None:
    bench = shop(rule("delayed"))
    send(bench, until="now() + interval '5 min'")
    await bench.plan()
    end = "SELECT round(extract(epoch FROM expires_at - now()) / 60)::int AS minutes FROM orderbell."
    assert bench.rows(end + "delivery") == [{"minutes": 5}]
    assert answer(bench, "orderbell.extend('k', now() + interval '30 min')") is True
    assert bench.rows(end + "delivery") == [{"minutes": 5}], "the sender's transaction holds nothing of ours"
    await bench.plan()
    assert bench.rows(end + "delivery") == bench.rows(end + "notification") == [{"minutes": 30}]


@pytest.mark.parametrize(
    "query", [SENT.format("NULL", "'infinity'"), SENT.format("now() + interval '1 h'", "'infinity'")]
)
async def test_no_end_at_all_is_no_end_that_a_program_cannot_read(shop: Open, query: str) -> None:
    bench = shop(rule("delayed"))
    bench.sql(query, "k")
    bench.sql("UPDATE orderbell.scheduled SET scheduled_for = now()")
    await later(bench)
    assert answer(bench, "orderbell.extend('k', 'infinity')") is True
    assert len(bench.rows("SELECT expires_at FROM orderbell.delivery")) == 1


# --- digests ----------------------------------------------------------------------------------------------------------

DIGEST = rule("created", "vendor", digest={"every": "10m"})


async def test_batch_after_batch_joins_the_window_that_the_first_has_opened(shop: Open) -> None:
    bench = shop(DIGEST, room=NoRoom(99))
    for number in range(1, 4):
        order(bench, "created", number)
        await bench.plan()
    rows = bench.rows("SELECT state, count(*) FROM orderbell.delivery GROUP BY state, due_at, hold")
    assert rows == [{"state": "pending", "count": 3}], "one window, and nothing is leased"


async def test_after_a_window_has_closed_another_one_opens(shop: Open) -> None:
    bench = shop(DIGEST)
    order(bench, "created", 1)
    await bench.plan()
    bench.sql("UPDATE orderbell.delivery SET due_at = now()")
    order(bench, "created", 2)
    await bench.plan()
    assert [r["open"] for r in bench.rows("SELECT due_at > now() AS open FROM orderbell.delivery ORDER BY id")] == [
        False,
        True,
    ]


async def test_a_newer_status_takes_an_older_one_out_of_the_window(shop: Open) -> None:
    bench = shop(DIGEST, rule("confirmed", "vendor", digest={"every": "10m"}))
    order(bench, "created")
    await bench.plan()
    order(bench, "confirmed")
    await bench.plan()
    assert waiting(bench) == ["order:1"]
    assert ended(bench) == [("p2@example.com", "superseded")]


# --- throttles --------------------------------------------------------------------------------------------------------

THROTTLE = [{"channel": "email", "at_most": 2, "per": "1h"}]


async def test_a_throttle_counts_from_batch_to_batch(shop: Open) -> None:
    bench = shop(rule("ready"), throttle=THROTTLE)
    for number in range(1, 5):
        order(bench, "ready", number)
        await bench.plan()
    assert waiting(bench) == ["order:1", "order:2"]
    assert [reason for _, reason in ended(bench)] == ["throttled"] * 2
    assert len(bench.rows("SELECT FROM orderbell.notification")) == 4


async def test_what_is_long_ago_counts_no_more(shop: Open) -> None:
    bench = shop(rule("ready"), throttle=THROTTLE)
    for number in range(1, 5):
        order(bench, "ready", number)
        await bench.plan()
        bench.sql("UPDATE orderbell.spent SET at = at - interval '31 min'")
    assert len(waiting(bench)) == 4


async def test_a_throttle_counts_from_piece_to_piece_of_one_batch(shop: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner_module, "pieces", partial(pieces, people=1))
    bench = shop(rule("ready"), throttle=THROTTLE)
    for number in range(1, 6):
        order(bench, "ready", number)
    await bench.plan()
    assert waiting(bench) == ["order:1", "order:2"]


# --- broadcasts -------------------------------------------------------------------------------------------------------

WORDS = """
["order.ready".drivers]
title = "{{ vendor.name or 'nobody' }} has something"
body = "b"
"""
TO_ALL = rule("ready", "drivers", channels=["inbox", "email"])


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner_module, "pieces", partial(pieces, people=2))


async def test_a_broadcast_is_one_event_and_reaches_everybody_once(
    shop: Open, small_pieces: None, tmp_path: Any
) -> None:
    (tmp_path / "en.toml").write_text(WORDS)
    bench = shop(TO_ALL, messages={"directory": str(tmp_path)})
    order(bench, "ready", 1)
    order(bench, "ready", 2)
    await bench.plan()
    assert [row["name"] for row in bench.rows("SELECT name FROM orderbell.event ORDER BY id")] == ["order.ready"] * 2
    told = bench.rows(
        "SELECT e.key, n.user_id, m.title FROM orderbell.notification n JOIN orderbell.event e ON e.id = n.event_id"
        " JOIN orderbell.message m ON m.id = n.message_id ORDER BY n.id"
    )
    assert [(row["key"], row["user_id"]) for row in told] == [(key, str(n)) for key in "12" for n in range(3, 10)]
    assert {row["title"] for row in told} == {"Person 2 has something"}
    assert len(bench.published) == len(waiting(bench)) == 14


async def test_a_broadcast_that_is_taken_back_in_its_batch_is_sent_to_nobody(shop: Open, small_pieces: None) -> None:
    bench = shop(OFFER)
    order(bench, "ready")
    order(bench, "taken")
    await bench.plan()
    assert waiting(bench) == []
    assert bench.rows("SELECT FROM orderbell.notification WHERE withdrawn_at IS NULL") == []


async def test_a_crash_in_the_middle_of_a_broadcast_leaves_nothing_and_loses_nothing(
    shop: Open, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = shop(TO_ALL, room=NoRoom(99))
    order(bench, "ready")
    read = bench.planner._known_elsewhere
    calls = 0

    async def cut(draft: Draft, piece: Piece) -> Known:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise psycopg.OperationalError("the connection is cut")
        return await read(draft, piece)

    monkeypatch.setattr(bench.planner, "_known_elsewhere", cut)
    with pytest.raises(psycopg.OperationalError):
        await bench.plan()
    for table in ("event", "notification", "message", "delivery"):
        assert bench.rows(f"SELECT FROM orderbell.{table}") == []
    assert (bench.published, bench.room.reserved) == ([], 0)
    await bench.plan()
    assert len(bench.rows("SELECT FROM orderbell.notification")) == 7


async def test_only_who_is_listening_is_shown_a_broadcast(shop: Open, small_pieces: None) -> None:
    bench = shop(TO_ALL)
    bench.listeners = {"4", "8"}
    order(bench, "ready")
    await bench.plan()
    assert [each.address for each in bench.published] == ["4", "8"]
    assert len(bench.caught_up) == 1


# --- what people chose ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quiet", ["{}", '"night"', "[1, null]", "null", '[{"start": "99:99"}]', "[" * 2000 + "]" * 2000]
)
async def test_quiet_hours_that_cannot_be_read_keep_nobody_from_being_told(shop: Open, quiet: str) -> None:
    bench = shop(rule("ready"))
    bench.sql("INSERT INTO orderbell.person (user_id, quiet, time_zone) VALUES ('1', %s, 'Middle/Earth')", quiet)
    order(bench, "ready")
    await bench.plan()
    assert [r["due"] for r in bench.rows("SELECT due_at <= now() AS due FROM orderbell.delivery")] == [True]


async def test_a_persons_own_quiet_hours_are_waited_for(shop: Open) -> None:
    bench = shop(rule("ready"))
    bench.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('1', now() + interval '20 min')")
    order(bench, "ready")
    await bench.plan()
    (row,) = bench.rows(
        "SELECT hold, d.time_zone, due_at = p.snoozed_until AS then FROM orderbell.delivery d, orderbell.person p"
    )
    assert row == {"hold": "quiet", "time_zone": "UTC", "then": True}


async def test_a_snooze_without_end_is_refused(shop: Open) -> None:
    bench = shop(rule("ready"))
    with pytest.raises(psycopg.errors.CheckViolation):
        bench.sql("INSERT INTO orderbell.person (user_id, snoozed_until) VALUES ('1', 'infinity')")
