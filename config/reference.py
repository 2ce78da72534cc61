"""``docs/reference/configuration.md``, made from the model: ``python -m config.reference > FILE``."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.settings import Settings

HEAD = """\
# Configuration

<!-- Made from the model by `python -m config.reference`; a test asserts that it is current. -->

`orderbell.toml` in the working folder, else `/etc/orderbell/orderbell.toml`, or the one that `--config` or
`ORDERBELL_CONFIG` names. [config/orderbell.toml](../../config/orderbell.toml) shows the same as a file to copy
from, and `orderbell init` writes a first one for your database.

Every key can also come from elsewhere; what is further down wins:

1. the default below
2. `orderbell.toml`
3. a file in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) that is named after the key:
   `database.url`, `email.provider.0.password`
4. the environment: `ORDERBELL_DATABASE__URL`, `ORDERBELL_EMAIL__PROVIDER__0__PASSWORD`; two underscores
   between the parts, items of a list numbered from 0, a list as a whole in JSON

A mistake is one line with the path to the key, and all mistakes are said at once. Keys that end in `_seconds`,
`_bytes`, `_days` are in that unit.
"""


_WORDS: dict[Any, str] = {
    SecretStr: "secret",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
}


def reference() -> str:
    """The whole page."""
    sections = [HEAD, "## Top level\n\n" + _table(Settings)]
    for path, model, note in _sections(Settings, ""):
        summary = (model.__doc__ or "").strip().replace("``", "`")
        summary = "\n".join(line.strip() for line in summary.splitlines())
        sections.append(f"## `{path}`\n\n{summary}{note}\n\n{_table(model)}")
    return "\n".join(sections)


def _sections(model: type[BaseModel], above: str) -> Iterator[tuple[str, type[BaseModel], str]]:
    """Each section with its header as it is written in the file."""
    for name, field in model.model_fields.items():
        path = f"{above}.{name}" if above else name
        inner = _section_of(field.annotation)
        if inner is None:
            continue
        match get_origin(field.annotation):
            case origin if origin is tuple:
                limit = next((getattr(m, "max_length", None) for m in field.metadata if hasattr(m, "max_length")), None)
                yield f"[[{path}]]", inner, " At most one, for now." if limit == 1 else " Any number of them."
            case origin if origin is dict:
                yield f"[{path}.NAME]", inner, " Any number of them."
            case _:
                yield f"[{path}]", inner, ""
        yield from _sections(inner, path)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for each in get_args(annotation) if (inner := _section_of(each)) is not None), None)


def _table(model: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_type(field.annotation, field.metadata)} | {_default(field)} | {_cell(field)} |"
        for name, field in model.model_fields.items()
        if _section_of(field.annotation) is None
    ]
    return "\n".join(["| key | type | default | |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _type(annotation: Any, metadata: list[Any]) -> str:
    return _plain_type(annotation) + _limits(metadata)


def _plain_type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    said = _WORDS.get(annotation, "value")
    if origin is Annotated:
        said = _type(arguments[0], list(getattr(arguments[1], "metadata", arguments[1:])))
    elif origin is Literal:
        said = " or ".join(f"`{word}`" for word in arguments)
    elif origin is dict:
        said = "section"
    elif origin is tuple:
        said = f"list of {_plain_type(arguments[0])}"
    elif arguments:
        said = " or ".join(_plain_type(each) for each in arguments if each is not type(None))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        said = " or ".join(f"`{member.value}`" for member in annotation)
    return said


def _limits(metadata: list[Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most"}
    said = [
        f"{word} {value:,}"
        for constraint in metadata
        for name, word in words.items()
        if (value := getattr(constraint, name, None)) is not None
    ]
    return f", {', '.join(said)}" if said else ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    value = value.get_secret_value() if isinstance(value, SecretStr) else value
    if value is PydanticUndefined:
        return "**needed**"
    if value in (None, "", (), {}):
        return "none"
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    """As TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, int) and not isinstance(value, bool):
        # Below, a number may well be a port, which nobody groups.
        return f"{value:_}" if value >= 10_000 else str(value)
    return json.dumps(value.value if isinstance(value, Enum) else value)


def _cell(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
