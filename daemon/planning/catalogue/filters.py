"""Filters and tests, each charged for what it touches before it touches it."""

import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.runtime import Context

from daemon.planning.catalogue.limits import LONGEST, Scope, TooMuch, checked, joined_string
from daemon.planning.values import Person

_WIDE = re.compile(r"\d{3}|\*")
"""A width or precision of hundreds in a format, or one that is given beside it."""


def charged(language: Environment, name: str) -> Callable[..., Any]:
    """Jinja's filter ``name``, charged."""

    @pass_context
    def applied(scope: Scope, value: Any, *args: Any, **kwargs: Any) -> Any:
        scope.touch(value, *args, *kwargs.values())
        if name == "sum" and not isinstance(kwargs.get("start", args[1] if len(args) > 1 else 0), (int, float)):
            raise TypeError("sum is for numbers")
        if name == "round" and any(isinstance(each, int) and abs(each) > 20 for each in (*args, *kwargs.values())):
            raise TooMuch("it would round to more than 20 digits")
        return checked(language.call_filter(f"{name} ", value, args, kwargs, context=scope))

    return applied


def charged_test(language: Environment, name: str) -> Callable[..., bool]:
    """Jinja's test ``name``, charged."""

    @pass_context
    def applied(scope: Scope, value: Any, *args: Any) -> bool:
        scope.touch(value, *args)
        return bool(language.call_test(f"{name} ", value, args, context=scope))

    return applied


def own(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of our own, charged; one that formats is worth some steps more."""

    @pass_context
    def applied(scope: Scope, value: Any, *args: Any, **kwargs: Any) -> Any:
        scope.touch(value, *args, *kwargs.values())
        scope.spend(20)
        return checked(function(scope, value, *args, **kwargs))

    return applied


@pass_context
def printed(scope: Scope, value: Any) -> Any:
    """What ``{{ ... }}`` shows: nothing for NULL, a person's name."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, Person):
        return value.name
    scope.touch(value)
    return value


def weighed(scope: Scope, value: Any) -> Any:
    scope.touch(value)
    return value


def concatenated(scope: Scope, values: list[Any]) -> str:
    scope.touch(values)
    return joined_string("", values)


def joined(scope: Scope, value: Any, d: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        value = scope.environment.call_filter("map", value, (), {"attribute": attribute}, context=scope)
    return joined_string(str(d), scope.each(value, 1))


def replaced(_: Scope, value: Any, old: str, new: str, count: int = -1) -> str:
    text = str(value)
    if len(text) + text.count(str(old)) * len(str(new)) > LONGEST:
        raise TooMuch(f"it would make a text of more than {LONGEST:,} characters")
    return text.replace(str(old), str(new), count)


def formatted(_: Context, text: str, *args: Any, **kwargs: Any) -> str:
    """``'%.2f' | format(total)``. Raises TooMuch."""
    longest = max((len(str(each)) for each in (*args, *kwargs.values())), default=0)
    if _WIDE.search(text) or len(text) + text.count("%") * (longest + 100) > LONGEST:
        raise TooMuch("widths of a format have two digits at most")
    return str(text) % (kwargs or args)
