"""From the columns of an order to the people behind them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from schema.discovery.catalogue import Column, Table
from schema.discovery.found import Drivers, Lookup, People, Profile, Role
from schema.discovery.orders import role_columns
from schema.discovery.vocabulary import FIELDS, FREE, FREE_STATUSES, LOGINS, PROFILES, ROLES, TO_LOGINS

Tables = Mapping[int, Table]


def roles_of(orders: Table, tables: Tables) -> tuple[list[Role], list[str]]:
    """Every audience that a column of ``orders`` leads to, and what is to be said about it."""
    roles: list[Role] = []
    remarks: list[str] = []
    for name, column in role_columns(orders).items():
        here, left_out = f"{orders.sql}.{column.name}", f"[audience.{name}] is left out"
        reference = orders.references.get(column.name) or _by_name(column, name, orders, tables)
        target = tables.get(reference[0]) if reference else None
        if reference is None or target is None:
            remarks.append(f"{here} refers to no table that could be found: {left_out}")
            continue
        role = _role(name, column, target, reference[1], orders, tables)
        if role is None:
            remarks.append(f"{here} leads to {target.sql}, and nothing there to anyone's address: {left_out}")
            continue
        declared = column.name in orders.references
        if not declared:
            remarks.append(f"{here} has no foreign key; that it means {target.sql} is guessed from its name")
        roles.append(replace(role, declared=declared))
    absent = [name for name in ROLES if name not in role_columns(orders)]
    remarks += [f"no column of {orders.sql} looks like its {name}" for name in absent]
    return roles, remarks


def people_of(table: Table, key: str, tables: Tables) -> People:
    """A table of people, with a profile table where that adds a field."""
    own = _fields(table)
    missing = [name for name in FIELDS if name not in own]
    for profile in tables.values():
        link = next(
            (c for c, (oid, _) in profile.references.items() if oid == table.oid and c in profile.unique),
            None,
        )
        if link is None or not any(word.endswith(PROFILES) for word in profile.words):
            continue
        more = {name: columns for name, columns in _fields(profile).items() if name in missing}
        if more:
            return People(table, table.columns[key], own, Profile(profile, profile.columns[link]), more)
    return People(table, table.columns[key], own)


def drivers_of(roles: list[Role]) -> tuple[Drivers | None, list[str]]:
    """Who could take an order, where a table of drivers says who is free."""
    role = next((role for role in roles if role.name == "driver"), None)
    if role is None:
        return None, []
    table, person = role.people.table, role.people.key
    if role.lookup is not None:
        table, person = role.lookup.table, role.lookup.person
    left_out = f"{table.sql} does not say which drivers are free: [audience.available_drivers] is left out"
    if not set(ROLES["driver"]) & {*table.words, "_".join(table.words)}:
        # Whether a user is active says nothing of a driver.
        return None, [left_out]
    flags = [column for name in FREE if (column := table.first(name)) is not None and column.kind == "boolean"]
    if flags:
        remark = f"{table.sql}.{flags[0].name} is taken for who may be offered an order"
        return Drivers(table, person, role.people, flags[0]), [remark] if "active" in flags[0].words else []
    for status in filter(None, map(table.first, ("status", "state", "availability"))):
        free = tuple(value for value in status.values if value.lower() in FREE_STATUSES)
        if free:
            return Drivers(table, person, role.people, status, free), []
    return None, [left_out]


def without_clashes(roles: list[Role], drivers: Drivers | None) -> tuple[list[Role], Drivers | None, list[People]]:
    """As given, with a prefix for each table of people where ids of two tables could be the same."""
    tables = {role.people.table.oid: role.people for role in roles}
    if len(tables) > 1 and not all(people.key.kind == "uuid" for people in tables.values()):
        taken: set[str] = set()
        for oid, people in tables.items():
            serving = [role.name for role in roles if role.people.table.oid == oid]
            prefix = serving[0] if len(serving) == 1 else people.table.words[-1]
            prefix = prefix if prefix not in taken else "_".join(people.table.words)
            taken.add(prefix)
            tables[oid] = replace(people, prefix=prefix)
        roles = [replace(role, people=tables[role.people.table.oid]) for role in roles]
        if drivers is not None:
            drivers = replace(drivers, people=tables[drivers.people.table.oid])
    return roles, drivers, list(tables.values())


def _role(name: str, column: Column, target: Table, key: str, orders: Table, tables: Tables) -> Role | None:
    """The way from ``column``, which holds ``target.key``, to a person: one hop, or none, or one back."""
    if _logs_in(target) and _reachable(target, tables):
        return Role(name, column, people_of(target, key, tables))
    shared = tables.get(target.references.get(key, (0, ""))[0])
    if shared is not None and _reachable(shared, tables):
        # One row per person under the same key: ``profiles.id`` is the user's id.
        return Role(name, column, people_of(shared, target.references[key][1], tables))
    for lookup, people in (*_hops(target, key, tables), *_hops_back(target, orders, tables)):
        # The one who logs in is the person: the vendor's own e-mail address is perhaps nobody's inbox.
        if _logs_in(people.table) or not _reachable(target):
            return Role(name, column, people, lookup)
    return Role(name, column, people_of(target, key, tables)) if _reachable(target, tables) else None


def _logs_in(table: Table) -> bool:
    return bool(table.words) and (table.words[-1] in LOGINS or table.words[-1].endswith("user"))


def _hops(target: Table, key: str, tables: Tables) -> Iterator[tuple[Lookup, People]]:
    """``vendors.owner_id`` to ``users``."""
    for word in TO_LOGINS:
        column = target.first(f"{word}_id", f"{word}_uuid", word)
        if column is None or column.name not in target.references:
            continue
        oid, person_key = target.references[column.name]
        person = tables.get(oid)
        if person is not None and oid != target.oid and _reachable(person, tables):
            yield Lookup(target, target.columns[key], column), people_of(person, person_key, tables)


def _hops_back(target: Table, orders: Table, tables: Tables) -> Iterator[tuple[Lookup, People]]:
    """``users.vendor_id``, or a table of members with both; only where ``target`` has nobody's address."""
    if _reachable(target, tables):
        return
    for table in tables.values():
        if table.oid in {orders.oid, target.oid}:
            continue
        back = next((c for c, (oid, _) in table.references.items() if oid == target.oid), None)
        if back is None:
            continue
        if _reachable(table) and table.key_column is not None:
            yield (
                Lookup(table, table.columns[back], table.key_column),
                people_of(table, table.key_column.name, tables),
            )
            continue
        if {"member", "membership", "staff", "employee", "user", "manager", "admin", "role"} & set(table.words):
            yield from (
                (Lookup(table, table.columns[back], hop.person), people) for hop, people in _hops(table, back, tables)
            )


def _by_name(column: Column, role: str, orders: Table, tables: Tables) -> tuple[int, str] | None:
    """The table that ``customer_id`` means where no foreign key says so."""
    word = column.words.removesuffix("_id").removesuffix("_uuid")
    wanted = [word, *(["user", "account"] if role == "customer" else [])]
    for name in wanted:
        for table in tables.values():
            words = table.words
            key = table.key_column
            if table.oid == orders.oid or key is None or key.kind != column.kind:
                continue
            if name in {"_".join(words), words[-1] if words else ""}:
                return table.oid, key.name
    return None


def _reachable(table: Table, tables: Tables | None = None) -> bool:
    """Whether it holds people: they have an address or a telephone number, perhaps in their profile."""
    fields = _fields(table)
    if tables is not None and not {"email", "phone"} & fields.keys() and table.key is not None:
        fields = people_of(table, table.key, tables).profile_fields
    return bool({"email", "phone"} & fields.keys())


def _fields(table: Table) -> dict[str, tuple[Column, ...]]:
    found: dict[str, tuple[Column, ...]] = {}
    for name, choices in FIELDS.items():
        for choice in choices:
            columns = tuple(column for word in choice if (column := table.first(word)) is not None)
            if len(columns) == len(choice):
                found[name] = columns
                break
    return found
