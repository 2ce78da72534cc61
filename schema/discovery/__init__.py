"""What a database's catalogue says about orders and people; for ``orderbell init``.

Everything found is a proposal: where it was a guess, a remark says so. ``catalogue`` reads the tables, ``orders``
and ``statuses`` find what is watched, ``people`` finds who is told, ``vocabulary`` has the words of applications.
"""

from typing import Any

from psycopg import Connection
from psycopg.conninfo import make_conninfo

from schema.discovery.catalogue import tables_of
from schema.discovery.found import Drivers, Found, Lookup, People, Profile, Role, Status, Value
from schema.discovery.orders import amounts_of, candidates, key_of, label_of
from schema.discovery.people import drivers_of, roles_of, without_clashes
from schema.discovery.statuses import status_of

__all__ = ["Drivers", "Found", "Lookup", "People", "Profile", "Role", "Status", "Value", "discover"]

_WHERE = (
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "service",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "options",
)
"""What libpq needs to find the database again; the password is not among it."""


def discover(connection: Connection[Any]) -> Found | None:
    """What looks like orders and people in this database; None when no table looks like orders.

    Only reads: the catalogue, the planner's statistics, and a sample of the status column where nothing else knows
    its values. Raises psycopg's errors when the connection breaks.
    """
    tables = tables_of(connection)
    found = [candidate for candidate in candidates(tables) if key_of(candidate.table)[0] is not None]
    if not found:
        return None
    orders, column = found[0].table, found[0].status
    remarks = []
    if len(found) > 1:
        others = ", ".join(candidate.table.sql for candidate in found[1:4])
        remarks.append(f"{orders.sql} looks most like orders; {others} was also thought of")
    key, key_remarks = key_of(orders)
    if key is None:
        return None
    status, status_remarks = status_of(connection, orders, column, tables)
    roles, role_remarks = roles_of(orders, tables)
    drivers, driver_remarks = drivers_of(roles)
    roles, drivers, people = without_clashes(roles, drivers)
    remarks += [*key_remarks, *status_remarks, *role_remarks, *driver_remarks, *_of_people(people)]
    return Found(
        database=_database(connection),
        password=bool(connection.info.password),
        orders=orders,
        key=key,
        status=status,
        label=label_of(orders),
        amounts=amounts_of(orders),
        roles=tuple(roles),
        people=tuple(people),
        drivers=drivers,
        remarks=tuple(remarks),
    )


def _of_people(people: list[People]) -> list[str]:
    remarks = []
    for group in people:
        known = {*group.fields, *group.profile_fields}
        for field, consequence in (("email", "e-mail"), ("phone", "an SMS")):
            if field not in known:
                remarks.append(f"{group.table.sql} has no column for {consequence}: people there get none")
    if any(group.prefix for group in people):
        examples = ", ".join(f"{group.prefix}:17" for group in people)
        remarks.append(f"ids of two tables would clash: user ids are {examples}, also as the sub of a token")
    return remarks


def _database(connection: Connection[Any]) -> str:
    given = connection.info.get_parameters()
    return make_conninfo("", **{name: given[name] for name in _WHERE if name in given})
