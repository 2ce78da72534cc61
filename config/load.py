"""From files and the environment to :class:`Settings`, or to every mistake at once.

Later sources win: the defaults, ``orderbell.toml``, secret files, the environment (:mod:`config.sources`).
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from config.check import mistakes_in, parts_of
from config.errors import ConfigError, Mistake
from config.explain import Location, explain, path_of
from config.settings import IN_A_WORD, Settings
from config.sources import Given, put, secrets, variables


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of ``path`` (None: only defaults, secrets and environment).

    Raises :class:`ConfigError` with every mistake.
    """
    source = str(path) if path else "environment"
    raw = _sections_in_full(_from_file(path, source)) if path is not None else {}
    in_file = _copy(raw)
    given, mistakes = _from_outside(raw, environment)
    raw, preset_mistakes = _with_preset(raw)
    mistakes += preset_mistakes
    settings = None
    try:
        settings = Settings.model_validate(raw)
        mistakes += _of_url(settings)
    except ValidationError as error:
        mistakes += [_from(given, location, mistake, in_file) for location, mistake in explain(error, Settings)]
    mistakes += mistakes_in(parts_of(raw))
    if mistakes or settings is None:
        raise ConfigError(source, mistakes)
    return settings


def preset_rules(name: str) -> dict[str, Any]:
    """A preset as it is written: ``rule`` (a list) and ``events`` (event prefix -> value -> event)."""
    return tomllib.loads((files("config") / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


def _from_file(path: Path, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(source, [Mistake("", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(source, [Mistake("", f"is not UTF-8 text (byte {error.start})")]) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(source, [Mistake("", f"is not valid TOML: {reason}")]) from None


def _from_outside(raw: dict[str, Any], environment: Mapping[str, str]) -> tuple[list[Given], list[Mistake]]:
    """Put secrets and variables into ``raw``; returns those that found their place, and mistakes."""
    given, mistakes = [], []
    for found in (*secrets(environment), *variables(environment)):
        if isinstance(found, Mistake):
            mistakes.append(found)
            continue
        each = _in_full(found)
        if problem := put(raw, each):
            mistakes.append(Mistake(path_of(each.location), f"{problem} (from {each.origin})"))
        else:
            given.append(each)
    return given, mistakes


def _sections_in_full(raw: dict[str, Any]) -> dict[str, Any]:
    """``capture = "wal"`` as the section that it stands for, so that further keys find a place in it."""
    short = {name: {key: raw[name]} for name, key in IN_A_WORD.items() if isinstance(raw.get(name), str)}
    return raw | short


def _in_full(given: Given) -> Given:
    """The same of a value from outside, which must not put the file's section aside."""
    if len(given.keys) == 1 and given.keys[0] in IN_A_WORD and isinstance(given.value, str):
        return replace(given, keys=(*given.keys, IN_A_WORD[given.keys[0]]))
    return given


def _from(given: Sequence[Given], location: Location, mistake: Mistake, in_file: dict[str, Any]) -> Mistake:
    """``mistake`` with where its value came from, if that was not the file."""
    for each in reversed(given):
        shared = min(len(each.location), len(location))
        same = each.location[:shared] == location[:shared]
        if same and (len(each.location) <= len(location) or not _holds(in_file, location)):
            return Mistake(mistake.path, f"{mistake.problem} (from {each.origin})")
    return mistake


def _holds(raw: Any, location: Location) -> bool:
    for step in location:
        if isinstance(step, int):
            if not isinstance(raw, list) or step >= len(raw):
                return False
        elif not isinstance(raw, dict) or step not in raw:
            return False
        raw = raw[step]
    return True


def _copy(raw: Any) -> Any:
    """Containers anew; ``put`` changes them."""
    if isinstance(raw, dict):
        return {key: _copy(value) for key, value in raw.items()}
    return [_copy(value) for value in raw] if isinstance(raw, list) else raw


def _of_url(settings: Settings) -> list[Mistake]:
    try:
        conninfo_to_dict(settings.database.url.get_secret_value())
    except (ProgrammingError, ValueError):
        # libpq's own words would repeat a part of it, perhaps the password.
        return [
            Mistake(
                "database.url",
                "is neither postgresql://user@host/name nor key=value pairs, as libpq reads them",
            )
        ]
    return []


def _with_preset(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """The preset's rules for the audiences that the file defines, where it has none of its own."""
    name = raw.get("preset")
    if name is None:
        return raw, []
    known = sorted(p.name.removesuffix(".toml") for p in (files("config") / "presets").iterdir())
    if name not in known:
        # The model says it, and says which there are.
        return raw, []
    preset = preset_rules(name)
    own, watches, audiences = raw.get("rule", []), raw.get("watch", []), raw.get("audience", {})
    if not isinstance(own, list) or not isinstance(watches, list) or not isinstance(audiences, dict):
        return raw, []
    taken = [(rule.get("event"), rule.get("audience")) for rule in own if isinstance(rule, dict)]
    kept = [
        rule
        for rule in preset["rule"]
        if (rule["event"], rule["audience"]) not in taken and rule["audience"] in audiences
    ]
    prefixes = [watch.get("event_prefix", "order") for watch in watches if isinstance(watch, dict)]
    mistakes = []
    if watches and all(isinstance(prefix, str) for prefix in prefixes) and not set(prefixes) & set(preset["events"]):
        kept = []
        listed = ", ".join(preset["events"])
        mistakes = [Mistake("preset", f'its rules are for "{listed}.…", and no watch has event_prefix = "{listed}"')]
    with_events = [_with_events(watch, preset["events"]) for watch in watches]
    # After the file's own, so that the numbers in messages about rule[3] are the file's.
    return raw | {"rule": [*own, *kept], **({"watch": with_events} if "watch" in raw else {})}, mistakes


def _with_events(watch: Any, events: dict[str, dict[str, str]]) -> Any:
    if not isinstance(watch, dict):
        return watch
    prefix, own = watch.get("event_prefix", "order"), watch.get("events", {})
    if not isinstance(prefix, str) or not isinstance(own, dict):
        return watch
    return {**watch, "events": {**events.get(prefix, {}), **own}}
