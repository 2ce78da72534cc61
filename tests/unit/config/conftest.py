"""A configuration as text, and every mistake in it as a line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import ConfigError, Settings, load

Load = Callable[..., Settings]
Lines = Callable[..., list[str]]

SOUND = """
[[watch]]
table = "orders"
columns = ["customer_id"]
[people]
query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
[[rule]]
event = "order.ready"
audience = "customer"
channels = ["inbox", "email"]
"""


@pytest.fixture
def sound() -> str:
    """A configuration without a mistake, which wrong lines are added to."""
    return SOUND


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Loads a configuration from text; keywords are the environment."""
    file = tmp_path / "orderbell.toml"

    def read(text: str = "", **environment: str) -> Settings:
        file.write_text(text, encoding="utf-8")
        return load(file, environment)

    return read


@pytest.fixture
def lines(read: Load) -> Lines:
    """Every mistake in a configuration, as the lines that a person sees."""

    def lines(text: str = "", **environment: str) -> list[str]:
        with pytest.raises(ConfigError) as wrong:
            read(text, **environment)
        said = [str(mistake) for mistake in wrong.value.mistakes]
        assert all("\n" not in line for line in said)
        return said

    return lines
