"""The SQL that ``orderbell init`` proposes: who people are, and who is meant by an order."""

from schema.discovery import Drivers, Found, Lookup, People, Role
from schema.discovery.catalogue import Column

_PEOPLE_FIELDS = ("name", "email", "phone", "locale", "time_zone")


Parts = tuple[str, str, str]
"""SELECT, FROM and WHERE of a query."""


def people_query(found: Found) -> str:
    """Everyone's name, contact points, locale and time zone, by user id; ``:ids`` are the ids asked for."""
    several = len(found.people) > 1
    fields = [
        field
        for field in _PEOPLE_FIELDS
        if any(field in people.fields or field in people.profile_fields for people in found.people)
    ]
    return "\nUNION ALL\n".join(_people(people, found, fields, keep_all=several) for people in found.people)


def role_query(role: Role) -> Parts | None:
    """From the column's value to the user id; None where the value is the user id."""
    if role.lookup is None and not role.people.prefix:
        return None
    lookup = role.lookup or Lookup(role.people.table, role.people.key, role.people.key)
    user = _user_id(role.people, lookup.person.sql)
    value, table = lookup.value.sql, lookup.table.sql
    first = f"{value} AS value" if value != "value" else value
    second = f"{user} AS user_id" if user != "user_id" else user
    return f"SELECT {first}, {second}", f"FROM {table}", f"WHERE {value} = ANY(:values)"


def drivers_query(drivers: Drivers) -> Parts:
    """Every driver who is free now."""
    user = _user_id(drivers.people, drivers.person.sql)
    selected = f"{user} AS user_id" if user != "user_id" else user
    if drivers.free_values:
        free = f"{drivers.free.sql} IN ({', '.join(map(_literal, drivers.free_values))})"
    else:
        free = drivers.free.sql
    return f"SELECT {selected}", f"FROM {drivers.table.sql}", f"WHERE {free}"


def _people(people: People, found: Found, fields: list[str], *, keep_all: bool) -> str:
    alias = people.table.words[-1][:1] if people.table.words else "u"
    alias = alias if alias.isalpha() and alias not in {"p", "v"} else "u"
    selected = [f"{_user_id(people, f'{alias}.{people.key.sql}')} AS user_id"]
    for field in fields:
        expression = _field(field, people, found, alias)
        if expression is None and keep_all:
            # The parts of a UNION have the same columns.
            expression = "NULL"
        if expression is not None:
            selected.append(expression if expression == f"{alias}.{field}" else f"{expression} AS {field}")
    lines = ["SELECT " + ",\n       ".join(_filled(selected)), f"FROM {people.table.sql} {alias}"]
    if people.profile is not None:
        column = people.profile.column.sql
        lines.append(f"LEFT JOIN {people.profile.table.sql} p ON p.{column} = {alias}.{people.key.sql}")
    lines.append(f"WHERE {alias}.{people.key.sql} {_asked_for(people)}")
    return "\n".join(lines)


def _field(field: str, people: People, found: Found, alias: str) -> str | None:
    if field in people.fields:
        expression = _said(field, people.fields[field], alias)
    elif field in people.profile_fields:
        expression = _said(field, people.profile_fields[field], "p")
    else:
        return None
    vendor = found.role("vendor")
    if field == "name" and vendor is not None and vendor.lookup is not None and vendor.people.table is people.table:
        name = vendor.lookup.table.first("name", "display_name", "title")
        if name is not None and name.kind == "text":
            shop = vendor.lookup
            return (
                f"coalesce(\n           (SELECT v.{name.sql} FROM {shop.table.sql} v"
                f" WHERE v.{shop.person.sql} = {alias}.{people.key.sql} ORDER BY v.{shop.value.sql} LIMIT 1),"
                f"\n           {expression})"
            )
    return expression


def _said(field: str, columns: tuple[Column, ...], alias: str) -> str:
    parts = [f"{alias}.{column.sql}" for column in columns]
    if len(parts) > 1:
        return f"concat_ws(' ', {', '.join(parts)})"
    # A type of its own (an enum of languages) would not fit beside text.
    return parts[0] if columns[0].kind == "text" or field == "name" else f"{parts[0]}::text"


def _asked_for(people: People) -> str:
    if not people.prefix:
        return "= ANY(:ids)"
    start = len(people.prefix) + 2
    return (
        f"IN (SELECT substr(id, {start})::{people.key.type} FROM unnest(:ids::text[]) AS id"
        f" WHERE starts_with(id, {_literal(people.prefix + ':')}))"
    )


def _user_id(people: People, column: str) -> str:
    return f"{_literal(people.prefix + ':')} || {column}" if people.prefix else column


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _filled(parts: list[str]) -> list[str]:
    """Short parts share a line."""
    lines: list[str] = []
    for part in parts:
        if lines and "\n" not in part and len(lines[-1]) + len(part) < 80:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines
