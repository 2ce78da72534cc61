"""What ``orderbell init`` found, as values."""

from dataclasses import dataclass, field

from schema.discovery.catalogue import Column, Table


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a status column; ``name`` says what an integer code or a foreign key means."""

    value: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The column whose change makes the event."""

    column: Column
    values: tuple[Value, ...]
    known_from: str
    """Where the values come from, in words: ``its type order_state``."""
    ordered: bool
    """Whether somebody wrote the values down in an order; else they were seen in rows."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A table with one row per person that carries what the people's own table does not."""

    table: Table
    column: Column
    """Holds the person's key."""


@dataclass(frozen=True, slots=True)
class People:
    """A table that holds people; ``fields`` has name, email, phone, locale and time_zone, where it has columns."""

    table: Table
    key: Column
    fields: dict[str, tuple[Column, ...]]
    profile: Profile | None = None
    profile_fields: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    prefix: str = ""
    """Set where ids of two tables of people would clash: ``customer`` makes the user id ``customer:17``."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table that leads from the order's value to a person's key: ``vendors.id`` to ``vendors.owner_id``."""

    table: Table
    value: Column
    person: Column


@dataclass(frozen=True, slots=True)
class Role:
    """A column of the orders that leads to people."""

    name: str
    """The audience: ``customer``, ``vendor``, ``driver``."""
    column: Column
    people: People
    lookup: Lookup | None = None
    """None where the column holds the person's key itself."""
    declared: bool = True
    """False where there is no foreign key and the name had to do."""


@dataclass(frozen=True, slots=True)
class Drivers:
    """Who could take an order: a table of drivers and what says that one is free."""

    table: Table
    person: Column
    """Holds the person's key."""
    people: People
    free: Column
    """A boolean, or a status."""
    free_values: tuple[str, ...] = ()
    """For a status: what it says of a driver who is free."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a database has that Orderbell can watch."""

    database: str
    """How it was reached, as libpq writes it, without the password."""
    password: bool
    """Whether a password was needed; it is never part of this."""
    orders: Table
    key: Column
    status: Status
    label: Column | None
    amounts: tuple[Column, ...]
    roles: tuple[Role, ...]
    people: tuple[People, ...]
    drivers: Drivers | None
    remarks: tuple[str, ...]
    """What was guessed or not found, each a line for a person."""

    def role(self, name: str) -> Role | None:
        """The role of that name, if the orders have a column for it."""
        return next((role for role in self.roles if role.name == name), None)
