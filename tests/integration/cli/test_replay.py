"""``orderbell replay`` as a process: other rules on events that a planner really planned."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from config import load
from schema.install import install
from tests.integration.store.conftest import SHOP, Bench, NoRoom

Command = Callable[..., subprocess.CompletedProcess[str]]

NIGHT = (datetime.now(UTC) - timedelta(days=2)).replace(hour=23, minute=0, second=0, microsecond=0)
MORNING = NIGHT + timedelta(hours=9)

CONFIGURATION = """
[database]
url = "{url}"
[[watch]]
table = "orders"
columns = ["customer_id", "vendor_id", "driver_id", "note"]
[[email.provider]]
host = "127.0.0.1"
[email]
sender = "shop@example.com"
[people]
query = "SELECT id AS user_id, name, email, phone FROM people WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
[audience.vendor]
column = "vendor_id"
"""
PROVIDER = """
[[sms.provider]]
account_sid = "AC00000000000000000000000000000000"
auth_token = "secret"
from_number = "+15005550006"
"""
RULES = """
[[rule]]
event = "order.created"
audience = "vendor"
channels = ["email"]
[[rule]]
event = "order.ready"
audience = "customer"
channels = ["email"]
"""


@dataclass
class Past:
    """A shop with a past, and rules to try on it."""

    url: str
    bench: Bench
    folder: Path
    command: Command

    async def order(self, status: str, at: datetime, order: int | None = None) -> None:
        """An order has this status from ``at`` on, and everybody was told then."""
        if order is None:
            self.bench.sql(
                "INSERT INTO orders (status, customer_id, vendor_id, driver_id) VALUES (%s, 1, 2, 3)", status
            )
        else:
            self.bench.sql("UPDATE orders SET status = %s WHERE id = %s", status, order)
        await self.bench.until_asleep()
        self.bench.sql(
            "UPDATE orderbell.event SET planned_at = %s, captured_at = %s"
            " WHERE id = (SELECT max(id) FROM orderbell.event)", at, at,
        )  # fmt: skip

    def replay(self, rules: str, *arguments: str, base: str = CONFIGURATION) -> subprocess.CompletedProcess[str]:
        (self.folder / "new.toml").write_text(base.replace("{url}", "host=nowhere") + rules, encoding="utf-8")
        return self.command("replay", "--since", "7d", "--rules", "new.toml", *arguments)

    def found(self, rules: str, *arguments: str, base: str = CONFIGURATION) -> dict[str, Any]:
        ran = self.replay(rules, "--json", *arguments, base=base)
        assert (ran.returncode, ran.stderr) == (0, "")
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def counts(self) -> dict[str, int]:
        with psycopg.connect(self.url) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'orderbell'::regnamespace AND relkind IN ('r', 'p')"
            ).fetchall()
            counted = {}
            for (table,) in tables:
                query = SQL("SELECT count(*) FROM orderbell.{}").format(Identifier(table))
                (counted[table],) = connection.execute(query).fetchone() or (-1,)
            return counted


@pytest.fixture
async def past(empty_database: str, tmp_path: Path, orderbell: Command) -> AsyncIterator[Past]:
    with psycopg.connect(empty_database) as connection:
        connection.execute(SHOP)
    file = tmp_path / "orderbell.toml"
    file.write_text(CONFIGURATION.replace("{url}", empty_database) + RULES, encoding="utf-8")
    settings = load(file, {})
    install(settings)
    bench = Bench(empty_database, settings, NoRoom())
    yield Past(empty_database, bench, tmp_path, orderbell)
    bench.close()


def differing(found: dict[str, Any]) -> dict[str, int]:
    return {kind: count for kind, count in found["differences"].items() if count}


def of_rule(found: dict[str, Any], event: str, channel: str) -> tuple[dict[str, int], dict[str, int]]:
    (rule,) = [each for each in found["rules"] if each["event"] == event]
    (own,) = [each for each in rule["channels"] if each["channel"] == channel]
    return own["before"], own["after"]


def only(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (example,) = found["examples"][kind]
    assert isinstance(example, dict)
    return example


async def test_the_same_rules_make_no_difference(past: Past) -> None:
    await past.order("created", NIGHT)
    await past.order("ready", NIGHT + timedelta(minutes=5), order=1)
    ran = past.replay(RULES)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "no difference in 2 events" in ran.stdout
    assert "audiences and people are as they are today" in ran.stdout


async def test_a_channel_that_is_added_tells_more(past: Past) -> None:
    await past.order("ready", NIGHT)
    found = past.found(RULES.replace('"customer"\nchannels = ["email"]', '"customer"\nchannels = ["email", "sms"]'),
                       base=CONFIGURATION + PROVIDER)  # fmt: skip
    assert differing(found) == {"only_after": 1}
    example = only(found, "only_after")
    assert (example["user"], example["channel"], example["address"]) == ("1", "sms", "+4…0001")
    assert (example["before"]["outcome"], example["after"]["outcome"]) == ("absent", "told")
    assert example["after"]["at"] == NIGHT.isoformat()


async def test_a_rule_that_is_removed_tells_less_in_the_inbox_too(past: Past) -> None:
    await past.order("created", NIGHT)
    found = past.found("[[rule]]" + RULES.split("[[rule]]")[2])
    assert differing(found) == {"only_before": 2}
    assert {example["channel"] for example in found["examples"]["only_before"]} == {"inbox", "email"}


async def test_quiet_hours_tell_in_the_morning(past: Past) -> None:
    await past.order("created", NIGHT)
    found = past.found(RULES + '[[quiet_hours.window]]\nstart = "22:00"\nend = "08:00"\n')
    assert differing(found) == {"another_time": 1}
    example = only(found, "another_time")
    assert (example["before"]["at"], example["after"]["at"]) == (NIGHT.isoformat(), MORNING.isoformat())


async def test_what_waits_for_the_morning_is_ended_by_a_newer_status(past: Past) -> None:
    both = RULES + '[[rule]]\nevent = "order.created"\naudience = "customer"\nchannels = ["email"]\n'
    (past.folder / "orderbell.toml").write_text(CONFIGURATION.replace("{url}", past.url) + both)
    await past.order("created", NIGHT)
    await past.order("ready", NIGHT + timedelta(hours=1), order=1)
    found = past.found(both + '[[quiet_hours.window]]\nstart = "22:00"\nend = "08:00"\n')
    less = only(found, "only_before")
    assert (less["audience"], less["channel"], less["after"]["outcome"]) == ("customer", "email", "superseded")


async def test_a_digest_puts_events_of_several_transactions_into_one_message(past: Past) -> None:
    for minute in range(3):
        await past.order("created", NIGHT + timedelta(minutes=minute))
    await past.order("created", NIGHT + timedelta(minutes=11))
    found = past.found(RULES.replace('channels = ["email"]', 'channels = ["email"]\ndigest = {every = "10m"}', 1))
    assert of_rule(found, "order.created", "email") == ({"told": 4}, {"told": 2, "digested": 2})
    times = {example["after"]["at"] for example in found["examples"]["another_time"]}
    assert times == {(NIGHT + timedelta(minutes=10)).isoformat()}


async def test_an_offer_is_taken_back_by_a_later_event(past: Past) -> None:
    await past.order("created", NIGHT)
    await past.order("ready", NIGHT + timedelta(minutes=5), order=1)
    found = past.found(RULES.replace('"vendor"', '"vendor"\nwithdraw_on = ["order.ready"]'))
    assert differing(found) == {"taken_back": 1}
    example = only(found, "taken_back")
    assert (example["event"], example["channel"]) == ("order.created", "inbox")
    assert (example["before"]["taken_back"], example["after"]["taken_back"]) == (False, True)


async def test_other_words_are_shown_side_by_side(past: Past) -> None:
    await past.order("ready", NIGHT)
    (past.folder / "words").mkdir()
    (past.folder / "words" / "en.toml").write_text(
        '["order.ready".customer]\ntitle = "Come and get {{ label }}"\nbody = "b"\n'
    )
    ran = past.replay('[messages]\ndirectory = "words"\n' + RULES)
    assert "told in other words: 2" in ran.stdout
    assert "-> 'Come and get #1'" in ran.stdout


async def test_nothing_is_written(past: Past) -> None:
    await past.order("created", NIGHT)
    before = past.counts()
    past.found(RULES.replace('["email"]', '["email", "sms"]'), base=CONFIGURATION + PROVIDER)
    assert past.counts() == before
    assert before["event"] == 1


async def test_a_query_that_writes_is_refused_by_the_session(past: Past) -> None:
    past.bench.sql(
        "CREATE FUNCTION remember() RETURNS SETOF text LANGUAGE sql AS"
        " $$ INSERT INTO people (id) VALUES (99) RETURNING id::text $$"
    )
    await past.order("created", NIGHT)
    vendor = '[audience.vendor]\ncolumn = "vendor_id"\n'
    ran = past.replay(RULES, base=CONFIGURATION.replace(
        vendor, '[audience.vendor]\nquery = "SELECT remember()"\n'))  # fmt: skip
    assert ran.returncode == 0
    assert "cannot execute INSERT in a read-only transaction" in ran.stdout
    assert past.bench.rows("SELECT FROM people WHERE id = 99") == []


async def test_an_audience_whose_query_fails_is_said_with_its_event(past: Past) -> None:
    await past.order("created", NIGHT)
    await past.order("ready", NIGHT + timedelta(minutes=5), order=1)
    broken = CONFIGURATION.replace(
        '[audience.vendor]\ncolumn = "vendor_id"', '[audience.vendor]\nquery = "SELECT id FROM vendorz"'
    )
    ran = past.replay(RULES, base=broken)
    assert ran.returncode == 0
    assert 'by the rules after: order.created of order:1 (event 1): relation "vendorz" does not exist' in ran.stdout
    assert "1 event left out for that" in ran.stdout
    assert "no difference in 1 event" in ran.stdout
    found = past.found(RULES, base=broken)
    assert found["failed"] == {"before": 0, "after": 1}
    assert found["failures"][0]["rules"] == "after"


async def test_people_whose_query_fails_are_said_with_an_event(past: Past) -> None:
    await past.order("created", NIGHT)
    found = past.found(RULES, base=CONFIGURATION.replace("name, email, phone FROM", "name, mail, phone FROM"))
    assert found["failed"] == {"before": 0, "after": 1}
    assert 'column "mail" does not exist' in found["failures"][0]["error"]
    assert found["rules"] == []


async def test_a_table_that_the_application_has_locked_is_asked_again(past: Past) -> None:
    await past.order("created", NIGHT)
    with psycopg.connect(past.url) as application:
        application.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(asyncio.to_thread(past.found, RULES))
        waiting = (
            "SELECT FROM pg_stat_activity WHERE application_name = 'orderbell replay' AND wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        async with asyncio.timeout(60):
            while not past.bench.rows(waiting):
                await asyncio.sleep(0.05)
            while past.bench.rows(waiting):  # it gives up, so that nobody queues behind it
                await asyncio.sleep(0.05)
    assert (await running)["events"] == 1


async def test_only_what_is_asked_for_is_counted(past: Past) -> None:
    await past.order("created", NIGHT)
    await past.order("ready", NIGHT + timedelta(minutes=5), order=1)
    none = '[[rule]]\nevent = "order.lost"\naudience = "vendor"\n'
    found = past.found(none, "--event", "order.ready")
    assert (found["events"], [rule["event"] for rule in found["rules"]]) == (1, ["order.ready"])
    assert differing(past.found(none, "--user", "2")) == {"only_before": 2}
    assert past.found(none, "--until", (NIGHT + timedelta(minutes=1)).isoformat())["events"] == 1
    assert past.found(none, "--limit", "1")["examples"]["only_before"][1:] == []


async def test_broken_rules_are_refused_with_every_mistake(past: Past) -> None:
    ran = past.replay(RULES.replace('"vendor"', '"vendr"').replace('"email"', '"emial"'))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert 'new.toml: rule[0].audience: unknown audience "vendr" (did you mean "vendor"?)' in ran.stderr
    assert 'new.toml: rule[0].channels[0]: unknown channel "emial"' in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is neither a time"),
        (("--since", "9999d"), "--since: must be more than 0s and at most 366d"),
        (("--until", "8d"), "--until is before --since"),
    ],
)
async def test_a_time_that_is_none_is_refused(past: Past, arguments: tuple[str, str], said: str) -> None:
    ran = past.replay(RULES, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr


async def test_a_database_that_is_away_is_3(past: Past) -> None:
    away = CONFIGURATION.replace("{url}", "host=127.0.0.1 port=1 connect_timeout=2")
    (past.folder / "orderbell.toml").write_text(away + RULES)
    ran = past.replay(RULES)
    assert ran.returncode == 3
    assert ran.stderr.startswith("the database cannot be used")
