"""Pydantic's validation errors as lines that a person can act on. They never repeat what may be a secret."""

import json
import re
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from config.errors import Mistake
from config.suggestions import did_you_mean

Location = tuple[int | str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN_AT_MOST = 60

_KINDS = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""Pydantic's types of errors -> what the value must be."""

_FORMS = {
    r"^[a-z][a-z0-9_]{0,62}$": "is not a name: lower-case letters, digits and underscores, a letter first",
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": "does not look like an event: order.ready",
    r"^https?://[^\s]+$": "is not a URL: https://...",
    r"^#[0-9a-fA-F]{6}$": "is not a colour: #4f46e5",
    r"^([A-Z]{2})?$": "is not a region: two capital letters (ISO 3166), such as US",
    r"^((mailto:|https://)\S+)?$": "is neither mailto: nor https:, and push services ask for one of them",
    r"^[a-z]{2,3}$": "is not a language: two or three letters, such as en",
}
"""What the patterns of the model mean."""


def explain(error: ValidationError, model: type[BaseModel]) -> list[tuple[Location, Mistake]]:
    """One mistake per error of ``error``, with the path as it is written in the file."""
    explained = []
    for detail in error.errors(include_url=False):
        location: Location = tuple(step for step in detail["loc"] if step != "[key]")
        explained.append((location, Mistake(path_of(location), _problem(detail, location, model))))
    return explained


def path_of(location: Location) -> str:
    """``("rule", 3, "channels", 0)`` -> ``rule[3].channels[0]``."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            key = step if _BARE.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            path += f".{key}" if path else key
    # A key may hold any character; where it breaks the line, it is written as its code.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in path)


def _problem(detail: Any, location: Location, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    annotation = _annotation_at(model, location)
    shown = _shown(detail.get("input"), annotation)
    other = f", not {shown}" if shown else ""
    match kind:
        case "extra_forbidden":
            problem = f"unknown key{did_you_mean(str(location[-1]), _keys_at(model, location[:-1]))}"
        case "missing":
            problem = "is missing"
        case "enum" | "literal_error":
            words = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            near = did_you_mean(str(detail["input"]), words) if shown else ""
            problem = f"must be one of {', '.join(words)}{other}{near}"
        case "string_pattern_mismatch":
            problem = f"{shown or 'it'} {_FORMS.get(context['pattern'], 'does not have the right form')}"
        case "value_error":
            problem = detail["msg"].removeprefix("Value error, ")
        case "too_long":
            problem = f"takes {context['max_length']} at most, has {context['actual_length']}"
        case "too_short" | "string_too_short":
            problem = "must not be empty"
        case "tuple_type" | "list_type":
            sections = any(True for _ in _models_in(next(_item_types(annotation), None)))
            problem = f"must be a list{f' of sections: [[{path_of(location)}]]' if sections else ': [...]'}"
        case "dict_type" | "model_type" | "model_attributes_type":
            problem = "must be a section of its own, with keys"
        case _:
            problem = _of_value(kind, context, detail["msg"]) + other
    return problem


def _of_value(kind: str, context: dict[str, Any], message: str) -> str:
    """What a single value must be."""
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}"
    match kind:
        case "greater_than":
            return f"must be more than {_number(context['gt'])}"
        case "greater_than_equal":
            return f"must be at least {_number(context['ge'])}"
        case "less_than_equal":
            return f"must be at most {_number(context['le'])}"
        case _:
            return message[:1].lower() + message[1:].replace("Input should", "should")


def _number(limit: Any) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _shown(given: Any, annotation: Any) -> str:
    """The given value as it may be repeated: nothing of a section, and nothing where a secret belongs."""
    if not isinstance(given, str | int | float | bool) or SecretStr in _choices(annotation):
        return ""
    # What should have been a section or a list may hold a secret.
    if not any(isinstance(choice, type) and not issubclass(choice, BaseModel) for choice in _choices(annotation)):
        return ""
    try:
        text = json.dumps(given, ensure_ascii=False)
    except ValueError:
        return "a number with thousands of digits"
    return text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}..."


def _annotation_at(model: type[BaseModel], location: Location) -> Any:
    """What the model wants at ``location``; None where it knows nothing there."""
    current: Any = model
    for step in location:
        section = next(_models_in(current), None)
        if section is not None:
            field = section.model_fields.get(str(step))
            current = field.annotation if field else None
        else:
            current = next(_item_types(current), None)
    return current


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the section at ``location`` knows."""
    section = next(_models_in(_annotation_at(model, location)), None)
    return list(section.model_fields) if section is not None else []


def _choices(annotation: Any) -> tuple[Any, ...]:
    """What ``str | None`` offers; of ``Literal`` the types of its words."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(choice for each in get_args(annotation) for choice in _choices(each))
    if get_origin(annotation) is not None and not isinstance(get_origin(annotation), type):
        return tuple(type(word) if isinstance(word, str) else word for word in get_args(annotation))
    return (annotation,)


def _item_types(annotation: Any) -> Iterator[Any]:
    """What a list or a section with free keys holds."""
    for choice in _choices(annotation):
        if get_origin(choice) is dict:
            yield get_args(choice)[1]
        elif get_origin(choice) in (tuple, list):
            yield get_args(choice)[0]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models that ``annotation`` is, or offers in a union; a container stays for the next step to enter."""
    for choice in _choices(annotation):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            yield choice
