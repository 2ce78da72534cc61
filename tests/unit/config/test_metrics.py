"""The listener for Prometheus: what goes together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import Settings, load

Lines = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("username = 'p'", "metrics: username and password go together"),
        ("password = 'p'", "metrics: username and password go together"),
        ("certificate_file = 'p'", "metrics: certificate_file and key_file go together"),
        (
            "host = '0.0.0.0'\nusername = 'p'\npassword = 'p'",
            "metrics: a password is not sent in the clear: set certificate_file and key_file",
        ),
    ],
)
def test_half_of_it_is_a_mistake(lines: Lines, text: str, line: str) -> None:
    assert lines(f"[metrics]\n{text}") == [line]


def test_the_password_is_a_secret_file_or_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "orderbell.toml"
    file.write_text("[metrics]\nusername = 'prometheus'\n")
    store = tmp_path / "credentials"
    store.mkdir()
    (store / "metrics.password").write_text("from a file\n")

    def password(settings: Settings) -> str:
        assert settings.metrics.password is not None
        assert "from" not in repr(settings.metrics)
        return settings.metrics.password.get_secret_value()

    assert password(load(file, {"CREDENTIALS_DIRECTORY": str(store)})) == "from a file"
    assert password(load(file, {"ORDERBELL_METRICS__PASSWORD": "from the environment"})) == "from the environment"
