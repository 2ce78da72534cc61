"""The owner's role may put triggers on tables that it does not own, and yet takes everything away again."""

import psycopg
import pytest

from config import Settings
from daemon.cli.check import _watches
from daemon.cli.notes import Notes
from schema.install import check_version, install, stale_watches, uninstall
from tests import roles
from tests.integration.deploy.test_grants import settings, shop

__all__ = ["shop"]


def triggers(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'orderbell%'").fetchone()
        assert row is not None
        count: int = row[0]
        return count


def test_uninstalling_takes_the_triggers_off(shop: str) -> None:
    assert triggers(shop) == 2
    assert uninstall(settings(roles.as_owner(shop))) == [
        "removed the triggers from shop.orders", "dropped the schema orderbell with all it held",
    ]  # fmt: skip
    assert triggers(shop) == 0


def test_a_watch_that_is_no_longer_configured_goes(shop: str) -> None:
    none = Settings.model_validate({"database": {"url": roles.as_owner(shop)}})
    assert install(none) == ["removed the triggers of the watch orders, which is no longer configured"]
    assert triggers(shop) == 0


@pytest.mark.parametrize(
    "damage",
    ["ALTER TABLE shop.orders DISABLE TRIGGER USER", "DROP TRIGGER orderbell_orders_insert ON shop.orders"],
)
def test_what_somebody_changed_is_put_right(shop: str, damage: str) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute(damage.encode())
    wanted = settings(roles.as_owner(shop))
    assert install(wanted) == ["replaced the triggers of the watch orders on shop.orders"]
    with psycopg.connect(shop) as connection:
        assert stale_watches(connection, wanted) == []
        connection.execute("UPDATE shop.orders SET status = 'ready'")
        assert connection.execute("SELECT count(*) FROM orderbell.change").fetchone() == (1,)


def test_check_asks_of_the_daemons_role_what_the_daemon_needs(shop: str) -> None:
    with psycopg.connect(roles.as_daemon(shop), autocommit=True) as connection:
        check_version(connection)
        assert _watches(connection, settings(roles.as_daemon(shop)), Notes()) == {"orders": []}
