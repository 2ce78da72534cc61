"""Every kind of mistake is one clear line, and all of them are said at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import ConfigError, Settings, load

Load = Callable[..., Settings]
Lines = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[http]\nprot = 1", 'http.prot: unknown key (did you mean "port"?)'),
        ("[htpp]\nport = 1", 'htpp: unknown key (did you mean "http"?)'),
        ("[http]\nport = 'eighty'", 'http.port: must be a whole number, not "eighty"'),
        ("[http]\nport = 1.5", "http.port: must be a whole number, not 1.5"),
        ("[http]\nport = 70000", "http.port: must be at most 65535, not 70000"),
        ("[database]\npool_size = 0", "database.pool_size: must be at least 1, not 0"),
        ("[capture]\nheartbeat_seconds = 0", "capture.heartbeat_seconds: must be more than 0, not 0"),
        ("[capture]\nheartbeat_seconds = 'x'", 'capture.heartbeat_seconds: must be a number, not "x"'),
        ("[http]\nhost = 3", "http.host: must be text in quotes, not 3"),
        (
            "[webpush]\nallow_private_endpoints = 'perhaps'",
            'webpush.allow_private_endpoints: must be true or false, not "perhaps"',
        ),
        (
            "[log]\nlevel = 'warn'",
            'log.level: must be one of debug, info, warning, error, not "warn" (did you mean "warning"?)',
        ),
        ("http = 3", "http: must be a section of its own, with keys"),
        ("http = []", "http: must be a section of its own, with keys"),
        ("watch = 'orders'", "watch: must be a list of sections: [[watch]]"),
        ("rule = {}", "rule: must be a list of sections: [[rule]]"),
        ("[http]\nallowed_origins = '*'", "http.allowed_origins: must be a list: [...]"),
        ("audience = 3", "audience: must be a section of its own, with keys"),
        ("preset = 'delivry'", 'preset: must be one of delivery, not "delivry" (did you mean "delivery"?)'),
        ("preset = ['delivery']", "preset: must be one of delivery"),
        ("[[rule]]\naudience = 'a'", "rule[0].event: is missing"),
        (
            "[messages]\ndefault_locale = 'English'",
            'messages.default_locale: "English" is not a language: two or three letters, such as en',
        ),
        (
            "[sms]\ndefault_region = 'us'",
            'sms.default_region: "us" is not a region: two capital letters (ISO 3166), such as US',
        ),
        ("[email]\naccent = 'red'", 'email.accent: "red" is not a colour: #4f46e5'),
        ("[email]\nsender = 'nobody'", "email.sender: has no address: write Name <address>"),
        ("[email]\nreply_to = 'x@-'", "email.reply_to: has no valid domain"),
        ("[email]\nmessage_id_domain = 'a b'", "email.message_id_domain: has no valid domain"),
        ('[email]\nfooter = "one\\ntwo"', "email.footer: must be one line"),
        ("[auth]\nsecret = 'short'", "auth.secret: must be at least 32 bytes: openssl rand -base64 48"),
        (
            "[webpush]\nvapid_private_key = 'x'",
            "webpush: vapid_subject is needed with vapid_private_key: push services ask whom to write to",
        ),
        ("[[email.provider]]\nusername = 'u'", "email.provider[0]: username and password go together"),
        (
            "[[email.provider]]\n[[email.provider]]\nname = 'b'",
            "email.provider: there are 2: give each [[email.provider]] a name of its own",
        ),
        (
            "[[email.provider]]\nname = 'a'\n[[email.provider]]\nname = 'a'",
            'email.provider: two are called "a": give each [[email.provider]] a name of its own',
        ),
        ("[[email.provider]]\nname = ''", "email.provider[0].name: must not be empty"),
        ("[[email.provider]]\nburst = 0", "email.provider[0].burst: must be at least 1, not 0"),
        (
            "[[email.provider]]\nrate_per_second = -1",
            "email.provider[0].rate_per_second: must be at least 0, not -1",
        ),
        ("[people]\nquery = 'SELECT 1'", "people.query: the query must use :ids, and no other parameter: "),
        ("[audience.x]", "audience.x: needs a column of the watched row that holds a user id, or a query"),
        (
            '[audience."x y"]\ncolumn = "z"',
            'audience."x y": it is not a name: lower-case letters, digits and underscores, a letter first',
        ),
        ("[database]\nurl = 'nonsense'", "database.url: is neither postgresql://user@host/name nor "),
    ],
)
def test_a_mistake_is_one_line_with_its_path_and_what_to_do(lines: Lines, text: str, line: str) -> None:
    (said,) = lines(text)
    assert said.startswith(line)


def test_an_sms_provider_needs_its_account_and_its_token(lines: Lines) -> None:
    assert lines('[[sms.provider]]\nfrom_number = "+12125550123"\naccount_sid = ""') == [
        "sms.provider[0].account_sid: must not be empty",
        "sms.provider[0].auth_token: is missing",
    ]


def account(name: str) -> str:
    return f"[[sms.provider]]\nname = '{name}'\naccount_sid = 'AC1'\nauth_token = 't'\nfrom_number = '+1'\n"


def test_several_providers_keep_their_order(read: Load) -> None:
    assert [provider.name for provider in read(account("b") + account("a")).sms.provider] == ["b", "a"]


def test_two_providers_of_one_name_are_a_mistake(lines: Lines) -> None:
    assert lines(account("a") + account("a")) == [
        'sms.provider: two are called "a": give each [[sms.provider]] a name of its own'
    ]


@pytest.mark.parametrize("url", ["http://sms.example.com", "http://10.0.0.1:8080", "http://localhost.example.com"])
def test_the_token_does_not_go_out_in_the_clear(lines: Lines, url: str) -> None:
    provider = f"[[sms.provider]]\naccount_sid = 'AC1'\nauth_token = 't'\nfrom_number = '+1'\nbase_url = '{url}'"
    (line,) = lines(provider)
    assert line.startswith("sms.provider[0].base_url: must be https: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://[::1]:1", "http://localhost", "https://a.example"])
def test_http_may_be_used_on_loopback(read: Load, url: str) -> None:
    provider = f"[[sms.provider]]\naccount_sid = 'AC1'\nauth_token = 't'\nfrom_number = '+1'\nbase_url = '{url}'"
    assert read(provider).sms.provider[0].base_url == url


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            '"inbox", "email"',
            '"inbox", "emial"',
            'rule[0].channels[1]: unknown channel "emial" (did you mean "email"?)',
        ),
        (
            '"inbox", "email"',
            '"pigeon"',
            'rule[0].channels[0]: unknown channel "pigeon"; there is inbox, email, sms, webpush',
        ),
        (
            'audience = "customer"',
            'audience = "custmer"',
            'rule[0].audience: unknown audience "custmer" (did you mean "customer"?)',
        ),
        (
            'audience = "customer"',
            'audience = "zoo"',
            'rule[0].audience: unknown audience "zoo"; define [audience.zoo]',
        ),
        (
            "order.ready",
            "ordr.ready",
            'rule[0].event: no watch makes events "ordr.…" (did you mean "order"?)',
        ),
        ("order.ready", "Ready", 'rule[0].event: "Ready" does not look like an event: order.ready'),
        (
            'columns = ["customer_id"]',
            'columns = ["customerid"]',
            (
                'audience.customer.column: "customer_id" is not captured by the watch: add it to its columns'
                ' (did you mean "customerid"?)'
            ),
        ),
        (
            'column = "customer_id"',
            'column = "customer_id"\nwatch = "ordrs"',
            'audience.customer.watch: unknown watch "ordrs" (did you mean "orders"?)',
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_said_with_the_one_that_was_meant(
    lines: Lines, sound: str, before: str, after: str, line: str
) -> None:
    assert lines(sound.replace(before, after)) == [line]


def test_a_sound_configuration_loads(read: Load, sound: str) -> None:
    assert read(sound).rule[0].channels == ("inbox", "email")


def test_two_watches_of_one_name_are_a_mistake(lines: Lines, sound: str) -> None:
    assert lines(sound + '[[watch]]\ntable = "b"\ncolumns = ["customer_id"]') == [
        'watch[1].name: watch[0] has the name "orders" already'
    ]


def test_two_watches_whose_rows_would_be_one_subject_are_a_mistake(lines: Lines, sound: str) -> None:
    assert lines(sound + '[[watch]]\nname = "more"\ntable = "b"\ncolumns = ["customer_id"]') == [
        'watch[1].event_prefix: watch[0] has "order" already: rows with one key would be one subject'
    ]


def test_a_watch_of_places_has_a_prefix_of_its_own(read: Load, sound: str) -> None:
    live = '[[watch]]\nname = "places"\ntable = "b"\n[watch.live]\nrooms = "SELECT 1, 2 WHERE 1 = ANY(:keys)"'
    assert [watch.event_prefix for watch in read(sound + live).watch] == ["order", "places"]


def test_a_watchs_name_leaves_room_for_its_triggers(read: Load, lines: Lines, sound: str) -> None:
    """PostgreSQL would cut both triggers' names to the same 63 bytes."""
    longest = "w" * 46
    assert read(sound.replace("[[watch]]", f'[[watch]]\nname = "{longest}"')).watch[0].name == longest
    assert lines(sound.replace("[[watch]]", f'[[watch]]\nname = "{longest}w"')) == [
        "watch[0].name: has 47 characters; at most 46: triggers are named after it"
    ]


def test_a_rule_said_twice_is_a_mistake(lines: Lines, sound: str) -> None:
    again = '[[rule]]\nevent = "order.ready"\naudience = "customer"'
    assert lines(sound + again) == ["rule[1]: says again what rule[0] says: order.ready for customer"]


def test_a_watch_alone_is_told_what_it_needs(lines: Lines) -> None:
    said = lines('[[watch]]\ntable = "orders"')
    assert [line.partition(":")[0] for line in said] == ["people.query", "audience"]


def test_a_preset_whose_events_no_watch_makes_is_one_mistake(lines: Lines, sound: str) -> None:
    text = sound.replace('table = "orders"', 'table = "jobs"\nevent_prefix = "job"').replace("order.ready", "job.ready")
    assert lines('preset = "delivery"\n' + text) == [
        'preset: its rules are for "order.…", and no watch has event_prefix = "order"'
    ]


def test_a_mistake_in_one_part_hides_none_in_another(lines: Lines, sound: str) -> None:
    text = sound.replace('"email"', '"emial"') + (
        '[http]\nport = "x"\n[hub]\nmax_connectoins = 1\n[[rule]]\nevent = "order.ready"\naudience = "cutomer"\n'
    )
    assert lines(text) == [
        'http.port: must be a whole number, not "x"',
        'hub.max_connectoins: unknown key (did you mean "max_connections"?)',
        'rule[0].channels[1]: unknown channel "emial" (did you mean "email"?)',
        'rule[1].audience: unknown audience "cutomer" (did you mean "customer"?)',
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('table = "orders"', ""),
        ('column = "customer_id"', 'colum = "customer_id"'),
        ('query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"', 'query = "SELECT 1"'),
        ('event = "order.ready"', "event = 3"),
    ],
)
def test_what_cannot_be_read_is_not_held_against_the_rest(lines: Lines, sound: str, before: str, after: str) -> None:
    section = {"table": "watch[0]", "column": "audience.customer", "query": "people", "event": "rule[0]"}
    for line in lines(sound.replace(before, after)):
        assert line.startswith(section[before.partition(" ")[0]])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[http\nport = 1",
            "is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)",
        ),
        ("a = 1\n\nb = nope", "is not valid TOML: Invalid value (at line 3, column 5)"),
        ("a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        ("a = " + "[" * 5000, "is not valid TOML: it is nested too deeply"),
    ],
)
def test_what_is_not_toml_is_said_with_the_line(lines: Lines, text: str, line: str) -> None:
    assert lines(text) == [line]


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(tmp_path / "x.toml", {})


@pytest.mark.parametrize(("name", "why"), [("absent.toml", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be read: {why}"):
        load(tmp_path / name, {})
