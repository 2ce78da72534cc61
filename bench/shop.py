"""A shop with people in it, and Orderbell installed on it: what the daemon is measured with."""

import secrets
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from config import load
from schema.install import install

ROOT = Path(__file__).parents[1]

PEOPLE = 1_000
VENDORS = 50
DRIVERS = 50

INHABITANTS = """
INSERT INTO users (name, email, phone)
SELECT 'Person ' || n, 'person' || n || '@example.com', '+1212' || 6000000 + n FROM generate_series(6, %(people)s) n;
INSERT INTO vendors (name, owner_id) SELECT 'Kitchen ' || n, n FROM generate_series(6, 4 + %(vendors)s) n;
INSERT INTO drivers (user_id, vehicle) SELECT 100 + n, 'bicycle' FROM generate_series(4, %(drivers)s) n;
ANALYZE
"""

SUBSCRIPTIONS = """
INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth)
SELECT id, 'https://push.example/send/' || md5(id::text), repeat('k', 87), repeat('a', 22) FROM users
"""

ORDERS = """
INSERT INTO orders (status, customer_id, vendor_id, driver_id, total, note)
SELECT 'picked_up', 200 + n %% %(customers)s, 1 + n %% %(vendors)s, 1 + n %% %(drivers)s, 12.50, 'no onions, please'
FROM generate_series(1, %(orders)s) n
"""

CONFIGURATION = """
[database]
url = "{url}"

[log]
format = "json"

[http]
port = 0

[metrics]
port = 0

[auth]
secret = "{secret}"

[[watch]]
table = "public.orders"
event_column = "status"
label_column = "number"
columns = ["customer_id", "vendor_id", "driver_id", "total"]

[people]
query = '''
SELECT u.id AS user_id, COALESCE(v.name, u.name) AS name, u.email, u.phone, u.locale, u.time_zone
FROM users u LEFT JOIN vendors v ON v.owner_id = u.id WHERE u.id = ANY(:ids)
'''

[audience.customer]
column = "customer_id"
url = "https://shop.example.com/orders/{{{{ key }}}}"

[audience.vendor]
column = "vendor_id"
query = "SELECT id AS value, owner_id AS user_id FROM vendors WHERE id = ANY(:values)"
url = "https://shop.example.com/kitchen/{{{{ key }}}}"

[audience.driver]
column = "driver_id"
query = "SELECT id AS value, user_id FROM drivers WHERE id = ANY(:values)"
url = "https://shop.example.com/trips/{{{{ key }}}}"
"""

RULE = """
[[rule]]
event = "order.picked_up"
audience = "{audience}"
channels = {channels}
"""


def rules(audiences: list[str], channels: list[str]) -> str:
    """An order tells these audiences, in their inbox and on these channels."""
    told = [RULE.format(audience=audience, channels=["inbox", *channels]) for audience in audiences]
    return "".join(told)


def open_shop(url: str, folder: Path, more: str, preset: str = "") -> Path:
    """Make the shop's tables and its people, install Orderbell as ``more`` configures it; returns the file."""
    with psycopg.connect(url, autocommit=True) as shop:
        run(shop, (ROOT / "demo" / "shop.sql").read_text(encoding="utf-8"))
        run(shop, INHABITANTS, {"people": PEOPLE, "vendors": VENDORS, "drivers": DRIVERS})
    file = configure(url, folder, more, preset)
    install(load(file, {}))
    with psycopg.connect(url, autocommit=True) as shop:
        run(shop, SUBSCRIPTIONS)
        run(shop, "VACUUM ANALYZE")
    return file


def configure(url: str, folder: Path, more: str, preset: str = "") -> Path:
    """Write ``orderbell.toml`` for this database."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "orderbell.toml"
    first = f'preset = "{preset}"\n' if preset else ""
    file.write_text(first + CONFIGURATION.format(url=url, secret=secrets.token_urlsafe(48)) + more, encoding="utf-8")
    return file


def place_orders(shop: Connection[TupleRow], orders: int) -> None:
    """So many in one statement, and so in one commit."""
    shop.execute(ORDERS, {"orders": orders, "customers": PEOPLE - 200, "vendors": VENDORS, "drivers": DRIVERS})


def run(shop: Connection[TupleRow], statements: str, values: dict[str, int] | None = None) -> None:
    """One after the other."""
    for statement in statements.split(";\n"):
        if statement.strip():
            shop.execute(statement.encode(), values if "%(" in statement else None)
