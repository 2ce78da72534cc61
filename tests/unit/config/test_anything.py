"""Whatever a file or the environment holds: settings or every mistake in lines, nothing else."""

import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config import ConfigError, Settings, load
from config.addresses import problem_of_mailbox
from config.channels import Email
from config.check import mistakes_in, parts_of
from config.explain import explain, path_of
from config.load import _with_preset
from daemon.cli import toml_text
from dispatchers.email.message import Composer

KEYS = [
    "preset", "watch", "rule", "audience", "people", "query", "event", "events", "event_prefix", "channels",
    "column", "columns", "table", "name", "email", "provider", "auth", "secret", "http", "port", "sms",
    "customer", "channel", "0",
]  # fmt: skip
WORDS = [
    "delivery",
    "order.ready",
    "orders",
    "customer",
    "inbox",
    "",
    "SELECT :ids",
    "a@b.example",
    "postgresql:///",
]

scalars = st.sampled_from(WORDS) | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.datetimes()
keys = st.sampled_from(KEYS) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
tables = st.dictionaries(keys, values, max_size=8)
"""What ``tomllib`` can return."""


@given(tables)
@settings(max_examples=300, deadline=None)
def test_any_structure_is_settings_or_mistakes(raw: dict[str, Any]) -> None:
    with_preset, _ = _with_preset(raw)
    mistakes = mistakes_in(parts_of(with_preset))
    try:
        Settings.model_validate(with_preset)
    except ValueError as error:
        mistakes += [mistake for _, mistake in explain(error, Settings)]  # type: ignore[arg-type]
    assert all("\n" not in str(mistake) for mistake in mistakes)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_settings_or_mistakes(text: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "orderbell.toml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load(file, {})
        except ConfigError as error:
            assert error.mistakes  # noqa: PT017 - one of two right answers


@given(st.lists(st.tuples(st.lists(keys, min_size=1, max_size=4), st.text(max_size=8)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_environment_is_settings_or_mistakes(given_variables: list[tuple[list[str], str]]) -> None:
    environment = {"ORDERBELL_" + "__".join(path).upper(): value for path, value in given_variables}
    try:
        load(None, environment)
    except ConfigError as error:
        assert error.mistakes  # noqa: PT017 - one of two right answers


@given(st.text(max_size=30) | st.from_regex(r"[a-z.ü ]{0,6}<?[a-z.@ü\"-]{1,8}@[a-z.ßü-]{1,8}>?", fullmatch=True))
@settings(max_examples=500, deadline=None)
def test_a_sender_that_the_configuration_takes_can_send(text: str) -> None:
    if problem_of_mailbox(text) is None and "\n" not in text and "\r" not in text:
        Composer(Email(sender=text))


@given(st.text())
def test_any_string_survives_being_written_as_toml(value: str) -> None:
    value = value.encode("utf-8", "replace").decode("utf-8")
    written = f"a = {toml_text.text(value)}\n[b]\n{toml_text.key(value)} = 1\n"
    read = tomllib.loads(written)
    assert (read["a"], list(read["b"])) == (value, [value])


@given(st.lists(st.text(max_size=5) | st.integers(0, 9), min_size=1, max_size=4))
def test_a_path_is_one_line(location: list[str | int]) -> None:
    assert len(path_of(tuple(location)).splitlines()) <= 1
