"""A first ``orderbell.toml`` from what was found in a database: for a person to read, to mend and to check."""

from collections.abc import Iterator

from daemon.cli.proposed_events import events_section
from daemon.cli.proposed_queries import Parts, drivers_query, people_query, role_query
from daemon.cli.statuses import meanings_of
from daemon.cli.toml_text import WIDTH, aligned, array, comment, lines, on_one_line, text
from schema.discovery import Found, Role

_BUTTON = "# The url of an audience is where the button in its messages leads; key is the order's.\n"
_PAGES = {"customer": "orders", "vendor": "kitchen", "driver": "trips"}

_NO_PEOPLE = """\
# Nothing was found that leads from an order to people. Write SQL with :ids that yields user_id, and any of name, email,
# phone, locale, time_zone:
# [people]
# query = "SELECT id AS user_id, name, email, phone FROM users WHERE id = ANY(:ids)"
"""

_NO_ROLE = {
    "customer": '# column = "customer_id"',
    "vendor": (
        '# column = "vendor_id"\n'
        '# query = "SELECT id AS value, owner_id AS user_id FROM vendors WHERE id = ANY(:values)"'
    ),
    "driver": '# column = "driver_id"',
}

_NO_DRIVERS = """\
# Who may be offered an order that is ready; nothing says which drivers are free:
# [audience.available_drivers]
# query = "SELECT user_id FROM drivers WHERE available"
"""

_PROVIDERS = """\
# Until a channel has a provider, what its rules say of it is left out; everything is in the inbox anyway.
# Secrets do not belong in this file: each can come from the environment (ORDERBELL_AUTH__SECRET) or from a file in
# systemd's credentials directory that is named after its key (auth.secret).

# [auth]                                # who may read an inbox: a token (JWT, HS256) whose sub is the user id
# secret = ""                           # at least 32 bytes: openssl rand -base64 48

# [email]
# sender = "Your shop <orders@example.com>"
# [[email.provider]]
# host = "smtp.example.com"
# port = 587
# username = "orders@example.com"       # with password: ORDERBELL_EMAIL__PROVIDER__0__PASSWORD

# [sms]
# default_region = "US"                 # of numbers without a country code
# [[sms.provider]]                      # Twilio
# account_sid = "AC..."                 # with auth_token: ORDERBELL_SMS__PROVIDER__0__AUTH_TOKEN
# from_number = "+12125550123"

# [webpush]
# vapid_subject = "mailto:you@example.com"    # with vapid_private_key: `orderbell vapid` makes one

# [http]
# allowed_origins = ["https://shop.example.com"]    # pages with a bell on them
"""


def propose(found: Found) -> str:
    """The configuration as text. :func:`config.load` reads it, unless nobody was found who could be told."""
    parts = [_head(found), _database(found), _title("what is watched"), _watch(found)]
    parts += [_title("who people are"), _people(found), _title("who is told"), _BUTTON]
    parts += [*map(_role, found.roles), *_drivers(found)]
    parts += [
        f"# Nothing was found that leads to the {name}:\n# [audience.{name}]\n{example}\n"
        for name, example in _NO_ROLE.items()
        if found.role(name) is None
    ]
    return "\n".join([*parts, _title("how they are told"), _PROVIDERS])


def _head(found: Found) -> str:
    steps = (
        ("orderbell check", "says what does not fit yet"),
        ("orderbell install", f"puts the capture triggers on {found.orders.sql}"),
        ("orderbell run", "starts to tell people"),
    )
    head = ["# What `orderbell init` found in this database. Read it, mend it where it guessed wrong, and then:", "#"]
    head += [f"#     {command:<20} {on_one_line(what)}" for command, what in steps]
    head += [
        "#",
        "# Every key there is, its default and its unit: config/orderbell.toml, docs/reference/configuration.md",
    ]
    if found.remarks:
        head += ["#", "# Please look at:"]
    for remark in found.remarks:
        head += comment(remark, first="#   - ", following="#     ")
    return "\n".join(
        [*head, "", 'preset = "delivery"   # the rules: which event tells whom, and on which channels', ""]
    )


def _database(found: Found) -> str:
    section = ["[database]", f"url = {text(found.database)}"]
    if found.password:
        section += comment(
            "The password is not written down here: put the whole URL into ORDERBELL_DATABASE__URL, or into a file"
            " database.url in systemd's credentials directory."
        )
    return "\n".join([*section, ""])


def _watch(found: Found) -> str:
    meanings = meanings_of(found.status.values, ordered=found.status.ordered)
    columns = [*(role.column.name for role in found.roles), *(column.name for column in found.amounts)]
    pairs = [
        ("table", text(found.orders.sql), ""),
        ("key", text(found.key.name), ""),
        ("event_column", text(found.status.column.name), "a change of it makes the event"),
    ]
    if found.label is not None:
        pairs.append(("label_column", text(found.label.name), "what people call the order"))
    pairs.append(("columns", array(dict.fromkeys(columns)), ""))
    ignored = [meaning.value for meaning in meanings if meaning.ignored]
    if ignored:
        pairs.append(("ignore", array(ignored), "nobody has ordered anything yet"))
    return "\n".join(["[[watch]]", *aligned(pairs), "", *events_section(meanings, found.status.known_from), ""])


def _people(found: Found) -> str:
    return f"[people]\nquery = {lines(people_query(found))}\n" if found.people else _NO_PEOPLE


def _role(role: Role) -> str:
    section = [f"[audience.{role.name}]"]
    if not role.declared:
        section[0] += "   # no foreign key says so: guessed from the column's name"
    section.append(f"column = {text(role.column.name)}")
    query = role_query(role)
    if query is not None:
        section.append(f"query = {_query(query)}")
    section.append(f'# url = "https://shop.example.com/{_PAGES[role.name]}/{{{{ key }}}}"')
    return "\n".join([*section, ""])


def _drivers(found: Found) -> Iterator[str]:
    if found.drivers is not None:
        query = _query(drivers_query(found.drivers))
        yield f"[audience.available_drivers]   # asked when an order is ready\nquery = {query}\n"
    elif found.role("driver") is not None:
        yield _NO_DRIVERS


def _title(words: str) -> str:
    return f"# --- {words} ".ljust(WIDTH, "-") + "\n"


def _query(parts: Parts) -> str:
    """A query on one line where that needs no escapes, else on three."""
    query = " ".join(parts)
    escaped = '"' in query and "'" in query
    return lines("\n".join(parts)) if escaped or len(query) > WIDTH - 10 else text(query)
