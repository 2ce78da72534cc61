"""Where settings come from besides the file: systemd's credentials and the environment.

A path into the configuration is written ``database.url`` as a secret file's name and
``ORDERBELL_DATABASE__URL`` as a variable; the items of a list are numbered from 0: ``email.provider.0.password``,
``ORDERBELL_EMAIL__PROVIDER__0__PASSWORD``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Mistake

PREFIX = "ORDERBELL_"
NOT_SETTINGS = {"ORDERBELL_CONFIG"}
"""Variables with our prefix that name something else."""
FOR_TESTS = "ORDERBELL_TEST_"


@dataclass(frozen=True, slots=True)
class Given:
    """One value from outside the file."""

    origin: str
    """``ORDERBELL_DATABASE__URL`` or ``credential database.url``: for people."""
    keys: tuple[str, ...]
    value: Any

    @property
    def location(self) -> tuple[int | str, ...]:
        """The path as pydantic writes it: list items by number."""
        return tuple(int(key) if _is_number(key) else key for key in self.keys)


def secrets(environment: Mapping[str, str]) -> Iterator[Given | Mistake]:
    """Files in systemd's credentials directory: the name is the path to the key, the content its value."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return
    try:
        # Kubernetes keeps the real files under names with a dot in front.
        files = sorted(file for file in Path(directory).iterdir() if not file.name.startswith("."))
    except (OSError, ValueError) as error:
        yield Mistake("", f"$CREDENTIALS_DIRECTORY cannot be read: {_reason(error)}")
        return
    for file in files:
        try:
            if file.is_file():
                value = file.read_text(encoding="utf-8").rstrip("\r\n")
                yield Given(f"credential {file.name}", tuple(file.name.split(".")), value)
        except (OSError, ValueError) as error:
            yield Mistake(file.name, f"the credential cannot be read: {_reason(error)}")


def variables(environment: Mapping[str, str]) -> Iterator[Given]:
    """Variables that begin with ``ORDERBELL_``."""
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and not name.startswith(FOR_TESTS):
            yield Given(name, tuple(name.removeprefix(PREFIX).lower().split("__")), _parsed(value))


def put(raw: dict[str, Any], given: Given) -> str | None:
    """Set the value at its path in ``raw``; returns what is wrong where the path leads nowhere."""
    node: Any = raw
    for depth, key in enumerate(given.keys):
        last = depth == len(given.keys) - 1
        match node:
            case list():
                if not _is_number(key) or int(key) > len(node):
                    return f'"{key}" is not an item of a list that has {len(node)}; the first is 0'
                index = int(key)
                if index == len(node):
                    node.append({})
                if last:
                    node[index] = given.value
                else:
                    node = node[index]
            case dict():
                if last:
                    node[key] = given.value
                else:
                    node = node.setdefault(key, [] if _is_number(given.keys[depth + 1]) else {})
            case _:
                return f"{'.'.join(given.keys[:depth])} is a value, not a section"
    return None


def _parsed(value: str) -> Any:
    """A JSON list or object as such; anything else as the text it is (the model reads numbers)."""
    if value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _is_number(key: str) -> bool:
    # A list of a thousand providers is a typing error, and its number would not fit anywhere.
    return key.isascii() and key.isdecimal() and len(key) < 4


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "its name is not a path"
