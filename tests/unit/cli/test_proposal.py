"""The proposal is TOML that says what was found, whatever the names and values are."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import _with_preset
from config.settings import Settings
from daemon.cli.proposal import propose
from schema.discovery import Found, Lookup, People, Role, Status, Value
from schema.discovery.catalogue import Column, Table

# What PostgreSQL takes as a name or an enum's label, but no colon: discovery leaves those out.
words = st.text(st.characters(exclude_characters="\0:", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda word: word == word.strip()
)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def column(name: str) -> Column:
    return Column(name, quoted(name), "bigint", "integer")


def table(oid: int, name: str, *columns: str) -> Table:
    made = Table(oid, "public", name, f"public.{quoted(name)}", 0, readable=True)
    made.columns = {each: column(each) for each in columns}
    return made


@given(names=st.lists(words, min_size=6, max_size=6, unique=True), values=st.lists(words, unique=True), note=words)
@settings(max_examples=200, deadline=None)
def test_any_names_and_values_survive(names: list[str], values: list[str], note: str) -> None:
    key, status, customer, vendor, label, name = names
    users, vendors = table(2, names[0], key, name), table(3, names[1], key, vendor)
    people = People(users, column(key), {"name": (column(name),)}, prefix="it")
    found = Found(
        database="dbname=shop",
        password=True,
        orders=table(1, names[2], *names),
        key=column(key),
        status=Status(column(status), tuple(Value(value, note) for value in values), note, ordered=True),
        label=column(label),
        amounts=(),
        roles=(
            Role("customer", column(customer), people, declared=False),
            Role("vendor", column(vendor), people, Lookup(vendors, column(key), column(vendor))),
        ),
        people=(people,),
        drivers=None,
        remarks=(note,),
    )
    raw = tomllib.loads(propose(found))
    watch = raw["watch"][0]
    assert watch["table"] == found.orders.sql
    assert (watch["key"], watch["event_column"], watch["label_column"]) == (key, status, label)
    assert set(watch["events"]) <= set(values)
    assert quoted(key) in raw["people"]["query"]
    assert raw["audience"]["customer"]["column"] == customer
    Settings.model_validate(_with_preset(raw)[0])
