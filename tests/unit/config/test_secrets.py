"""A secret is never repeated: not in a mistake, not in a repr, whatever was wrong with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from config import ConfigError, Settings, load

Lines = Callable[..., list[str]]

HUSH = "hush-hush-4711"


@pytest.mark.parametrize(
    "text",
    [
        f"[auth]\nsecret = '{HUSH}'",
        f"[auth]\nsecret = ['{HUSH}']",
        f"[auth]\nsecret = {{x = '{HUSH}'}}",
        f"auth = '{HUSH}'",
        f"database = 'postgresql://u:{HUSH}@host/name'",
        f"[database]\nurl = '{HUSH}'",
        f"[database]\nurl = 'postgresql://u:{HUSH}@[host/name'",
        f"[database]\npassword = '{HUSH}'",
        f"[[email.provider]]\npassword = '{HUSH}'",
        f"[[email.provider]]\nusername = 'u'\nsecurity = 'none'\npassword = '{HUSH}'",
        f"email = '{HUSH}'",
        f"[email]\nprovider = '{HUSH}'",
        f"[email]\nprovider = ['{HUSH}']",
        f"[[sms.provider]]\nauth_token = '{HUSH}'",
        f"[[sms.provider]]\nauth_tokn = '{HUSH}'",
        f"[webpush]\nvapid_private_key = '{HUSH}'",
    ],
)
def test_a_mistake_about_a_secret_does_not_repeat_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "orderbell.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        load(file, {})
    assert HUSH not in str(wrong.value)
    assert HUSH not in repr(wrong.value.mistakes)


@pytest.mark.parametrize(
    "variable",
    [
        "ORDERBELL_DATABASE",
        "ORDERBELL_AUTH",
        "ORDERBELL_AUTH__SECRET",
        "ORDERBELL_SMS__PROVIDER",
        "ORDERBELL_EMIAL__X",
    ],
)
def test_a_mistaken_variable_does_not_repeat_it(lines: Lines, variable: str) -> None:
    (line,) = lines("", **{variable: HUSH})
    assert HUSH not in line


def test_settings_do_not_show_their_secrets() -> None:
    settings = Settings.model_validate(
        {
            "database": {"url": f"postgresql://u:{HUSH}@host/name"},
            "auth": {"secret": HUSH * 4},
            "webpush": {"vapid_private_key": HUSH, "vapid_subject": "mailto:a@b.example"},
            "channel": {"pager": {"token": HUSH}},
        }
    )
    assert HUSH not in repr(settings)
    assert HUSH not in str(settings)


def test_pydantics_own_words_do_not_show_them_either() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate({"auth": {"secret": HUSH}})
    assert HUSH not in str(wrong.value)
