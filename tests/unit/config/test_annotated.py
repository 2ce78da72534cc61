"""``config/orderbell.toml`` and the reference say of the model what is true."""

import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config import Settings, load
from config.reference import _section_of, reference

HERE = Path(__file__).parents[3]
ANNOTATED = HERE / "config" / "orderbell.toml"
EXAMPLE = re.compile(r"^#(?=[^ #\n])", re.MULTILINE)


def fields(model: type[BaseModel] = Settings, above: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """Every key: its section's path, its name, its field."""
    for name, field in model.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is None:
            yield above, name, field
        else:
            yield from fields(inner, f"{above}.{name}" if above else name)


def sections() -> dict[str, str]:
    """The annotated file's text by section; the items of a list and named sections under the name of all."""
    found: dict[str, str] = {}
    path = ""
    for line in ANNOTATED.read_text(encoding="utf-8").splitlines():
        header = re.match(r"#?\[+([a-z_.]+)\]+", line)
        if header:
            path = re.sub(r"^(audience|channel)\..*", r"\1", header[1])
        found[path] = found.get(path, "") + line + "\n"
    return found


def plain(value: Any) -> Any:
    """A default as TOML would hold it."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Enum():
            return value.value
        case tuple():
            return list(value)
        case _:
            return value


def test_the_annotated_file_is_the_defaults() -> None:
    assert load(ANNOTATED, {}) == Settings()


def test_its_examples_are_right_too() -> None:
    text = EXAMPLE.sub("", ANNOTATED.read_text(encoding="utf-8")).replace("allowed_origins = []", "")
    settings = Settings.model_validate(tomllib.loads(text))
    assert [len(part) for part in (settings.watch, settings.audience, settings.rule)] == [2, 3, 2]


@pytest.mark.parametrize(
    ("section", "name", "field"), [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in fields()]
)
def test_each_key_stands_in_it_with_its_true_default(section: str, name: str, field: FieldInfo) -> None:
    default = plain(field.get_default(call_default_factory=True))
    raw: Any = tomllib.loads(ANNOTATED.read_text(encoding="utf-8"))
    for step in section.split(".") if section else ():
        raw = raw.get(step, {}) if isinstance(raw, dict) else {}
    if name in raw:
        assert raw[name] == default
        return
    text = sections().get(f"{section}.{name}" if name == "events" else section, "")
    if name in {"channel", "preferences"}:
        header = {"channel": "#[channel.pager]", "preferences": "#[preferences]"}[name]
        assert header in ANNOTATED.read_text(encoding="utf-8").splitlines()
        return
    if name == "events":
        assert "#[watch.events]" in text
        return
    line = re.search(rf"^##?{name} = (.+)$", text, re.MULTILINE)
    assert line, f"{section}.{name} does not stand in config/orderbell.toml"
    if default not in (None, PydanticUndefined) and "default:" not in line[1]:
        assert tomllib.loads(f"x = {line[1]}")["x"] == default


def test_its_sections_stand_in_the_models_order() -> None:
    order = [section.partition(".")[0] for section, _, _ in fields() if section]
    # Sections that both hold channels' settings stand together.
    written = [path.partition(".")[0] for path in sections() if path not in {"", "channel", "preferences"}]
    assert list(dict.fromkeys(written)) == list(dict.fromkeys(order))


def test_every_key_says_what_it_is_for() -> None:
    assert [f"{section}.{name}" for section, name, field in fields() if not field.description] == []


def test_the_reference_is_current() -> None:
    page = (HERE / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m config.reference > docs/reference/configuration.md"
