from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path

import phonenumbers
import psycopg
import pytest

from demo.cast import Cast
from demo.configuration import Ports, write_configuration
from demo.counter import Counter, NotNow
from demo.providers import providers
from demo.shop import FOLLOWING, Shop, Written
from schema.install import install, stale_watches


@pytest.fixture
async def shop(empty_database: str) -> AsyncIterator[Shop]:
    async with aclosing(await Shop.connect(empty_database)) as shop:
        await shop.open(customers=250, vendors=20)
        yield shop


async def test_everyone_in_the_shop_can_be_reached(shop: Shop, empty_database: str) -> None:
    cast = await Cast.read(empty_database)
    assert len(cast.people) == 250 + 20 + 3
    for person in cast.people.values():
        assert person.email is not None
        assert person.email.endswith("@example.com")
        assert phonenumbers.is_valid_number(phonenumbers.parse(person.phone or ""))
        assert "55501" in (person.phone or ""), "only numbers that are kept for fiction"


async def test_no_two_people_share_an_address(shop: Shop, empty_database: str) -> None:
    people = (await Cast.read(empty_database)).people.values()
    assert len({person.phone for person in people}) == len({person.email for person in people}) == len(people)


async def test_three_drivers_are_available(shop: Shop, empty_database: str) -> None:
    assert (await Cast.read(empty_database)).available == ("3", "4", "5")


async def test_more_people_than_there_are_numbers_for_is_an_error(empty_database: str) -> None:
    async with aclosing(await Shop.connect(empty_database)) as shop:
        with pytest.raises(ValueError, match="telephone numbers"):
            await shop.open(customers=5000)


async def test_the_statement_that_is_shown_is_the_one_that_was_run(shop: Shop) -> None:
    placed = await shop.place_order(customer_id=1, vendor_id=1, total=Decimal("24.50"))
    assert placed.statement == "INSERT INTO orders (customer_id, vendor_id, total) VALUES (1, 1, 24.50)"
    moved = await shop.advance(placed.order, "picked_up", driver_id=2)
    assert moved.statement == (
        "UPDATE orders SET status = 'picked_up', driver_id = 2, updated_at = now() WHERE id = 1042"
    )
    assert await shop.order(1042) == moved.order
    assert (moved.order.number, moved.order.status, moved.order.driver_id) == ("A-1042", "picked_up", 2)


async def test_the_buttons_offer_only_what_the_table_accepts(shop: Shop) -> None:
    placed = await shop.place_order(1, 1, Decimal(10))
    for status in FOLLOWING:
        await shop.advance(placed.order, status)
    with pytest.raises(psycopg.errors.CheckViolation):
        await shop.advance(placed.order, "eaten")


async def test_the_counter_refuses_a_status_that_cannot_follow(shop: Shop) -> None:
    told: list[Written] = []
    counter = Counter(shop, told.append)
    order = await counter.place_order(1, 1)
    with pytest.raises(NotNow, match="an order that is pending cannot become delivered"):
        await counter.advance(order.id, "delivered", driver_id=1)
    with pytest.raises(LookupError):
        await counter.advance(4711, "confirmed", driver_id=1)
    assert [written.order.status for written in told] == ["pending"]


async def test_the_demos_own_configuration_fits_its_shop(shop: Shop, empty_database: str, tmp_path: Path) -> None:
    cast = await Cast.read(empty_database)
    async with providers(cast, lambda _: None, with_html=False) as sandbox:
        written = write_configuration(tmp_path, empty_database, sandbox, Ports(8300, 9300), ["http://127.0.0.1:8400"])
    assert install(written.settings)
    with psycopg.connect(empty_database) as connection:
        assert not stale_watches(connection, written.settings)
    assert {audience for rule in written.settings.rule for audience in [rule.audience]} <= {
        "customer",
        "vendor",
        "driver",
        "available_drivers",
    }


async def test_secrets_are_in_files_that_only_their_owner_reads(
    shop: Shop, empty_database: str, tmp_path: Path
) -> None:
    cast = await Cast.read(empty_database)
    async with providers(cast, lambda _: None, with_html=False) as sandbox:
        written = write_configuration(tmp_path, empty_database, sandbox, Ports(8300, 9300), [])
    for file in written.credentials.iterdir():
        assert file.stat().st_mode & 0o077 == 0
        assert file.read_text() not in written.file.read_text()
