"""Words that staff have written: read by the planner without a restart, and kept as they were read."""

import asyncio
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY

from config.settings import DeliverySettings
from daemon.clock import DatabaseClock
from daemon.delivery.holds import Holds
from daemon.delivery.lastlook import LastLook
from daemon.delivery.leases import Leases
from daemon.policy import planning_of
from daemon.store import published
from dispatchers.base import Delivery
from schema.queries import statements
from tests.integration.store.conftest import Bench, NoRoom, settings_for


def write(bench: Bench, title: str, state: str = "published", **changes: Any) -> int:
    values = {"event": "order.created", "audience": "customer", "channel": "", "locale": "en", "text": None, **changes}
    (row,) = bench.rows(
        "INSERT INTO orderbell.template (event, audience, channel, locale, version, state, title, body, text)"
        " SELECT %s, %s, %s, %s, count(*) + 1, %s, %s, 'body', %s FROM orderbell.template RETURNING id",
        *(values[name] for name in ("event", "audience", "channel", "locale")),
        state,
        title,
        values["text"],
    )
    return int(row["id"])


def order(bench: Bench) -> None:
    bench.sql("INSERT INTO orders (status, customer_id) VALUES ('pending', 1)")


def titles(bench: Bench) -> list[str]:
    rows = bench.rows(
        "SELECT m.title FROM orderbell.notification n JOIN orderbell.message m ON m.id = n.message_id ORDER BY n.id"
    )
    return [row["title"] for row in rows]


def failures() -> float:
    return REGISTRY.get_sample_value("orderbell_render_failures_total") or 0.0


async def until_planned(bench: Bench, orders: int) -> None:
    async with asyncio.timeout(30):
        while len(bench.rows("SELECT FROM orderbell.event")) < orders:
            await asyncio.sleep(0.02)


async def test_a_published_template_is_read_and_a_draft_is_not(bench: Bench) -> None:
    draft = write(bench, "Draft", "draft")
    order(bench)
    await bench.until_asleep()
    bench.sql("UPDATE orderbell.template SET state = 'published' WHERE id = %s", draft)
    order(bench)
    await bench.until_asleep()
    assert titles(bench) == ["We have your order #1", "Draft"]


async def test_what_is_published_while_the_planner_runs_is_in_force_within_seconds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "LOOK_SECONDS", 0.2)
    task = asyncio.create_task(bench.planner.run())
    try:
        for number, publish in enumerate(["One", "Two", None, "Four"], start=1):
            # No look is under way: it would know the words of before, and might take the order all the same.
            async with asyncio.timeout(30):
                await bench.planner._doorbell.asleep.wait()
            if publish is None:
                bench.sql("UPDATE orderbell.template SET state = 'retired' WHERE state = 'published'")
            else:
                write(bench, publish)
            await asyncio.sleep(0.3)
            order(bench)
            await until_planned(bench, number)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert titles(bench) == ["One", "Two", "We have your order #3", "Four"]


async def test_a_reload_of_the_configuration_keeps_what_is_published(bench: Bench, any_empty_database: str) -> None:
    write(bench, "Published")
    await bench.until_asleep()
    bench.planner.planning = planning_of(settings_for(any_empty_database), ("email",), "test-node")
    order(bench)
    await bench.until_asleep()
    assert titles(bench) == ["Published"]


async def test_words_for_a_channel_go_only_to_it(bench: Bench, room: NoRoom) -> None:
    write(bench, "Mail for {{ customer.name }}", channel="email")
    write(bench, "Push", channel="webpush")
    order(bench)
    await bench.until_asleep()
    assert titles(bench) == ["We have your order #1"]
    (mail,) = await claimed(bench)
    assert (mail.title, mail.kind, mail.locale) == ("Mail for Cora", None, "en")
    assert bench.rows("SELECT kind FROM orderbell.delivery WHERE message_id IS NOT NULL") == [{"kind": None}]
    assert [live.title for live in bench.published] == ["We have your order #1"]


async def test_words_for_a_channel_are_born_leased_too(bench: Bench, room: NoRoom) -> None:
    room.room = 1
    write(bench, "Mail", channel="email")
    order(bench)
    await bench.until_asleep()
    assert [delivery.title for delivery in room.accepted] == ["Mail"]


async def test_words_for_a_channel_come_back_with_what_failed(bench: Bench) -> None:
    write(bench, "Mail", channel="email")
    order(bench)
    await bench.until_asleep()
    (mail,) = await claimed(bench)
    finish: dict[str, Any] = {"ids": [mail.id], "attempts": [mail.attempt], "states": ["failed"]}
    finish |= {name: [None] for name in ("reasons", "providers", "provider_ids", "errors")}
    tries = ("tried", "numbers", "tried_at", "started", "ended", "outcomes", "codes", "details")
    finish |= {name: [] for name in tries}
    chosen = {"ids": None, "channel": None, "error": None, "limit": 10, "lifetime_seconds": 60}
    with psycopg.connect(bench.url, autocommit=True) as connection:
        connection.execute(statements("delivery")["finish"], finish)
        assert bench.rows("SELECT FROM orderbell.delivery") == []
        assert connection.execute(statements("retry")["bring_back_deliveries"], chosen).rowcount == 1
    assert [again.title for again in await claimed(bench)] == ["Mail"]


async def test_a_digest_on_a_channel_names_what_was_to_be_said_there(bench: Bench) -> None:
    write(bench, "Mail {{ label }}", channel="email")
    order(bench)
    order(bench)
    await bench.until_asleep()
    bench.sql("UPDATE orderbell.delivery SET hold = 'together', due_at = now()")
    pool = bench.connections.queue()
    await pool.open()
    try:
        await Holds(pool, bench.planner.planning.policy.catalogue, LastLook(), 1).let_go()
    finally:
        await pool.close()
    (digest,) = await claimed(bench)
    assert digest.kind == "digest"
    assert digest.body.splitlines() == ["- Mail #1", "- Mail #2"]


@pytest.mark.parametrize("title", ["{{ oops", "{{ 1 / 0 }}"])
async def test_one_that_fails_gives_way_to_the_catalogue_and_is_counted(bench: Bench, title: str) -> None:
    before = failures()
    id_ = write(bench, title)
    order(bench)
    await bench.until_asleep()
    assert titles(bench) == ["We have your order #1"]
    (row,) = bench.rows("SELECT error FROM orderbell.message WHERE error IS NOT NULL")
    assert row["error"].startswith(f"template {id_} of order.created.customer in en: ")
    assert failures() == before + 1


# --- what the database itself sees to ---------------------------------------------------------------------------------


def states(bench: Bench) -> list[str]:
    return [row["state"] for row in bench.rows("SELECT state FROM orderbell.template ORDER BY id")]


async def test_publishing_one_retires_the_one_before(bench: Bench) -> None:
    first, _, other = write(bench, "1"), write(bench, "2"), write(bench, "3", locale="de")
    assert states(bench) == ["retired", "published", "published"]
    bench.sql("UPDATE orderbell.template SET state = 'published' WHERE id = %s", first)
    assert states(bench) == ["published", "retired", "published"]
    (row,) = bench.rows("SELECT published_at > created_at AS again FROM orderbell.template WHERE id = %s", first)
    assert row["again"]
    assert other


@pytest.mark.parametrize("change", ["title = 'x'", "locale = 'fr'", "text = 'x'", "version = 9", "state = 'draft'"])
async def test_what_people_may_have_read_does_not_change(bench: Bench, change: str) -> None:
    write(bench, "1")
    write(bench, "2")
    for state in ("published", "retired"):
        with pytest.raises(psycopg.errors.CheckViolation, match="was published"):
            bench.sql(f"UPDATE orderbell.template SET {change} WHERE state = '{state}'")
    write(bench, "3", "draft")
    bench.sql("UPDATE orderbell.template SET title = 'x' WHERE state = 'draft'")


@pytest.mark.parametrize("wrong", [{"locale": "de_AT"}, {"locale": ""}, {"text": "x" * 10_001}, {"state": "lost"}])
async def test_what_makes_no_sense_is_refused(bench: Bench, wrong: dict[str, str]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        write(bench, "1", **wrong)


async def test_to_ask_what_is_published_reads_the_index_alone(bench: Bench) -> None:
    bench.sql(
        "INSERT INTO orderbell.template (event, audience, locale, version, state, title, body)"
        " SELECT 'order.e' || n / 100, 'customer', 'en', n, 'draft', repeat('x', 900), 'b'"
        " FROM generate_series(1, 5000) n"
    )
    bench.sql("UPDATE orderbell.template SET state = 'published' WHERE version % 100 = 0")
    bench.sql("VACUUM ANALYZE orderbell.template")
    plan = bench.rows(f"EXPLAIN {statements('template')['published_ids']}")
    assert "Index Only Scan using template_published_idx" in str(plan)


async def claimed(bench: Bench) -> list[Delivery]:
    pool = bench.connections.queue()
    await pool.open()
    try:
        leases = Leases(pool, DeliverySettings(), "other-node", DatabaseClock())
        deliveries, orphans = await leases.claim("email", 10)
        assert orphans == []
        assert set((await leases.recheck(deliveries)).values()) <= {None}
        return deliveries
    finally:
        await pool.close()
