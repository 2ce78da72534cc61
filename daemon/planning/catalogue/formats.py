"""Filters and functions for numbers, money, times and plurals, in the recipient's locale and time zone: CLDR, by Babel.

An empty value (None, ``""``) is written as nothing. A value that is no number or no time raises ValueError or
TypeError: the message's fallback is told then.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
    is_currency,
)
from jinja2 import pass_context

from daemon.planning.catalogue.limits import Scope
from daemon.planning.catalogue.locales import babel_locale
from daemon.planning.quiet import zone_of

LARGEST_EXPONENT = 18
"""Of ten: every bigint, and all the money there is. Beyond it, a number from a stranger is a mistake or an attack."""

MOST_DECIMALS = 10

Length = Literal["short", "medium", "long", "full"]

LENGTHS: tuple[Length, ...] = ("short", "medium", "long", "full")

_UNITS = re.compile(r"0(?:\.[0#]+)?")
_GREENWICH = ZoneInfo("UTC")
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")


def money(scope: Scope, value: object, currency: object = None, *, minor: bool = False) -> str:
    """``12,50 €`` of ``12.5`` and ``EUR``. ``minor``: the amount is in cents (or what the currency has). Of a code that
    ISO 4217 does not know: the code and the number; without a code, the number.
    """
    amount = _amount(value)
    if amount is None:
        return ""
    code = str(currency or "").strip().upper()
    decimals = get_currency_precision(code)
    if minor:
        amount = amount.scaleb(-decimals)
    locale = babel_locale(scope.locale)
    if not is_currency(code):
        return f"{code} {_fixed(amount, 2, scope)}".strip()
    # CLDR wants a space between letters and digits (currencySpacing), Babel leaves it out.
    return _LETTER_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", format_currency(amount, code, locale=locale))


def number(scope: Scope, value: object, digits: int | None = None) -> str:
    """``1.234,5`` of ``1234.5``; ``digits``: always so many decimals, else three at most."""
    amount = _amount(value)
    if amount is None:
        return ""
    return (
        format_decimal(amount, locale=babel_locale(scope.locale)) if digits is None else _fixed(amount, digits, scope)
    )


def percent(scope: Scope, value: object, digits: int = 0) -> str:
    """``25 %`` of ``0.25``; ``digits``: so many decimals."""
    amount = _amount(value)
    if amount is None:
        return ""
    locale = babel_locale(scope.locale)
    return format_percent(amount, format=_with_decimals(locale.percent_formats[None].pattern, digits), locale=locale)


def date_(scope: Scope, value: object, format: str = "medium") -> str:  # noqa: A002 - as templates write it
    """The day of a date, or of a moment in the recipient's time zone; ``format``: short, medium, long or full."""
    moment = _moment(value)
    match moment:
        case None:
            return ""
        case time():
            raise ValueError(f"{value!r} is a time without a date")
        case datetime():
            moment = moment.astimezone(_zone(scope))
    return format_date(moment, _length(format), locale=babel_locale(scope.locale))


def time_(scope: Scope, value: object, format: str = "short") -> str:  # noqa: A002
    """The time of day of a moment, in the recipient's time zone; of a time without a date, as it is."""
    moment = _moment(value)
    match moment:
        case None:
            return ""
        case time():
            moment, zone = datetime.combine(date(2000, 1, 1), moment, UTC), _GREENWICH
        case datetime():
            zone = _zone(scope)
        case _:
            raise ValueError(f"{value!r} is a date without a time")
    return format_time(moment, _length(format), tzinfo=zone, locale=babel_locale(scope.locale))


def datetime_(scope: Scope, value: object, format: str = "medium") -> str:  # noqa: A002
    """Date and time of a moment, in the recipient's time zone; of a date without a time, the date."""
    moment = _moment(value)
    if isinstance(moment, datetime):
        return format_datetime(moment, _length(format), tzinfo=_zone(scope), locale=babel_locale(scope.locale))
    return date_(scope, value, format)


def plural(scope: Scope, count: object, *, other: str, **forms: str) -> str:
    """The form for ``count`` (zero, one, two, few, many, other) by CLDR's plural rules of the language; ``other`` where
    that one is not given. ``{n}`` in it is the count.
    """
    unknown = forms.keys() - PLURALS
    if unknown:
        raise TypeError(f"plural has no form {min(unknown)}; there is {', '.join(PLURALS)}, other")
    amount = _amount(count)
    if amount is None:
        return ""
    locale = babel_locale(scope.locale)
    # To CLDR, 1.0 is not 1: "1.0 stars". A number column may say 1.0 and mean 1.
    form = forms.get(locale.plural_form(int(amount) if amount == int(amount) else amount), other)
    return form.replace("{n}", format_decimal(amount, locale=locale))


PLURALS = ("zero", "one", "two", "few", "many")

FILTERS: Mapping[str, Callable[..., str]] = {
    "money": money,
    "number": number,
    "percent": percent,
    "date": date_,
    "time": time_,
    "datetime": datetime_,
    "plural": plural,
}
"""By the names that templates call them. All take the :class:`Scope` first."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"plural": pass_context(plural)}

OF_LOCALE = frozenset(FILTERS)
"""What a text that uses one of these says depends on the recipient's region."""

OF_ZONE = frozenset({"date", "time", "datetime"})
"""... and on the time zone."""


def _amount(value: object) -> Decimal | None:
    """A number from whatever a row has. Raises ValueError or TypeError."""
    match value:
        case None:
            return None
        case str() if not value.strip():
            return None
        case bool() | bytes():
            raise TypeError(f"{value!r} is not a number")
        case Decimal() | int():
            amount = Decimal(value)
        case float():
            amount = Decimal(repr(value))
        case str() if len(value) <= 100:
            try:
                amount = Decimal(value)
            except InvalidOperation:
                raise ValueError(f"{value!r} is not a number") from None
        case _:
            raise TypeError(f"{type(value).__name__} is not a number")
    if not amount.is_finite() or (amount and abs(amount.adjusted()) > LARGEST_EXPONENT):
        raise ValueError(f"{str(amount)[:40]} is no number that people write")
    decimals = MOST_DECIMALS if amount.adjusted() < LARGEST_EXPONENT - MOST_DECIMALS else MOST_DECIMALS // 2
    exponent = amount.as_tuple().exponent
    return round(amount, decimals) if isinstance(exponent, int) and exponent < -decimals else amount


def _fixed(amount: Decimal, digits: int, scope: Scope) -> str:
    locale = babel_locale(scope.locale)
    return format_decimal(amount, format=_with_decimals(locale.decimal_formats[None].pattern, digits), locale=locale)


def _with_decimals(pattern: str, digits: int) -> str:
    """A CLDR number pattern with so many decimals in place of its own."""
    if not 0 <= digits <= MOST_DECIMALS:
        raise ValueError(f"decimals are 0 to {MOST_DECIMALS}")
    return _UNITS.sub("0" + ("." + "0" * digits if digits else ""), pattern, count=1)


def _moment(value: object) -> datetime | date | time | None:
    """From ISO 8601, as JSON rows have it, and from what it stands for; a moment without an offset is in UTC.

    Raises ValueError or TypeError.
    """
    match value:
        case None:
            return None
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case date() | time():
            return value
        case str():
            return _parsed(value.strip())
        case _:
            raise TypeError(f"{type(value).__name__} is not a time; ISO 8601 is")


def _parsed(text: str) -> datetime | date | time | None:
    if not text:
        return None
    for kind in (date, datetime, time):
        try:
            moment = kind.fromisoformat(text[:100])
        except ValueError:
            continue
        return _moment(moment)
    raise ValueError(f"{text[:40]!r} is not a time in ISO 8601")


def _zone(scope: Scope) -> ZoneInfo:
    return zone_of(scope.zone, default=_GREENWICH)


def _length(name: str) -> Length:
    for length in LENGTHS:
        if name == length:
            return length
    raise ValueError(f"there is no format {name!r}; there is {', '.join(LENGTHS)}")
