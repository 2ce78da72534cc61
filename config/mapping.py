"""How Orderbell finds orders and people in a schema that it did not make: watches, people, audiences."""

import re
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from config.names import Name, WatchName
from config.quiet import ZoneName
from config.section import Section

PARAMETER = re.compile(r"(?<![:\w]):(?P<name>[a-z_]+)\b")
"""``:keys`` in a query of the configuration, but not the ``::text`` of a cast."""


def parameters_of(query: str) -> set[str]:
    """The names of the ``:parameters`` in ``query``."""
    return {match["name"] for match in PARAMETER.finditer(query)}


def as_psycopg(query: str) -> str:
    """``query`` with its ``:parameters`` as psycopg writes them, and literal percent signs kept."""
    return PARAMETER.sub(r"%(\g<name>)s", query.replace("%", "%%"))


class LiveLocation(Section):
    """Of a watch whose rows say where somebody is: which columns, and in the rooms of which orders it is shown."""

    latitude: str = Field(default="lat", description="the column with degrees north")
    longitude: str = Field(default="lng", description="the column with degrees east")
    heading: str | None = Field(default=None, description="the column with degrees clockwise from north")
    speed: str | None = Field(default=None, description="the column with metres a second")
    rooms: str = Field(
        description="SQL with :keys (of the changed rows) that yields (key, room): ... 'order:' || o.id ..."
    )

    @field_validator("rooms")
    @classmethod
    def _takes_keys(cls, query: str) -> str:
        if parameters_of(query) != {"keys"}:
            raise ValueError("the query must use :keys, and no other parameter, and yield (key, room)")
        return query

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for column in (self.latitude, self.longitude, self.heading, self.speed) if column)


class Watch(Section):
    """A table of the application that is observed."""

    name: WatchName = Field(default="orders", description="names the watch in metrics, logs and SQL")
    table: str = Field(description="schema.table, as in SQL; quote what needs quotes", min_length=1)
    key: str = Field(default="id", description="the column that identifies a row")
    event_column: str = Field(default="status", description="the column whose change makes the event")
    event_prefix: Name = Field(default="order", description="order + ready -> order.ready")
    columns: tuple[str, ...] = Field(
        default=(),
        max_length=45,  # a function of PostgreSQL takes 100 arguments, a column is two, and three are named above
        description="further columns that messages and audiences need; captured with each change",
    )
    label_column: str | None = Field(
        default=None, description="what people call the row (an order number); default: the key, shortened"
    )
    on_insert: Name | None = Field(
        default=None,
        description="the event of a new row whatever its value, e.g. 'created'; default: the event of its value",
    )
    events: dict[str, Name] = Field(
        default_factory=dict,
        description='value -> event, for other names and for integer codes: {shipped = "picked_up", 3 = "ready"}',
    )
    ignore: tuple[str, ...] = Field(default=(), description="values that make no event, e.g. 'draft'")
    live: LiveLocation | None = Field(
        default=None, description="its rows are where somebody is: shown in rooms, never an event, never kept"
    )

    @model_validator(mode="before")
    @classmethod
    def _makes_no_event(cls, given: Any) -> Any:
        """Where somebody is makes no event: it must not stand for the rows that do."""
        if isinstance(given, dict) and given.get("live") is not None and "event_prefix" not in given:
            return {**given, "event_prefix": given.get("name", "location")}
        return given

    @property
    def captured_columns(self) -> tuple[str, ...]:
        """Every column that a change carries, key first, each once, in a stable order."""
        if self.live is not None:
            return tuple(dict.fromkeys((self.key, *self.live.columns, *self.columns)))
        wanted = (self.key, self.event_column, self.label_column or self.key, *self.columns)
        return tuple(dict.fromkeys(wanted))


class People(Section):
    """Where names, contact points, locale and time zone come from."""

    query: str = Field(
        description="SQL with :ids (an array) that yields user_id, and any of name, email, phone, locale, time_zone"
    )

    @field_validator("query")
    @classmethod
    def _takes_ids(cls, query: str) -> str:
        if parameters_of(query) != {"ids"}:
            raise ValueError("the query must use :ids, and no other parameter: ... WHERE id = ANY(:ids)")
        return query


class Audience(Section):
    """A named set of people for an event: a column of the watched row, or a query, or both.

    ``column`` alone: its value is the user id. ``column`` and ``query`` with ``:values``: rows ``(value, user_id)``
    turn the captured value into people. ``query`` with ``:keys``: rows ``(key, user_id)``. ``query`` without a
    parameter: rows ``(user_id)``, the same people for every event.
    """

    column: str | None = Field(default=None, description="a captured column; alone, its value is the user id")
    query: str | None = Field(
        default=None,
        description="SQL with :values (of the column), or with :keys (of the rows), or without a parameter",
    )
    watch: Name | None = Field(default=None, description="the watch whose rows it looks at; default: every watch")
    time_zone: ZoneName | None = Field(
        default=None, description="of people in it whose own is not known; default: that of quiet_hours"
    )
    url: str | None = Field(
        default=None, description="where this audience's action button leads; a template: .../orders/{{ key }}"
    )
    room: bool | None = Field(
        default=None, description="may follow the row live; default: where a column of the row says who is in it"
    )

    @property
    def has_room(self) -> bool:
        """Whether its people may follow the row that they are of."""
        # A query with :keys may find everybody who could take an order: its people are let in where somebody says so.
        return self.column is not None if self.room is None else self.room

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.column is None and self.query is None:
            raise ValueError("needs a column of the watched row that holds a user id, or a query")
        if self.query is not None:
            allowed = {"values"} if self.column else {"keys"}
            unknown = parameters_of(self.query) - allowed
            if unknown:
                wanted = ":values" if self.column else ":keys"
                given = ", ".join(f":{name}" for name in sorted(unknown))
                raise ValueError(f"the query may use {wanted}, not {given}")
            if self.column and parameters_of(self.query) != {"values"}:
                raise ValueError("with a column, the query must use :values and yield (value, user_id)")
        return self
