"""What rendering one message may cost. In steps and characters, not seconds: the same message always ends the same.

Each operation of a template is charged with the size of what it touches, before it touches it. So neither a loop, nor
a value that doubles at each line, nor a long column of the row takes longer than some tenths of a second.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, Undefined
from jinja2.nodes import EvalContext
from jinja2.runtime import Context

STEPS = 50_000
"""For all texts of a message together. Fifty lines of an order take about 1,000."""

CHARACTERS_A_STEP = 20

LONGEST = 20_000
"""Characters of a value that a template makes, and of a text that it is given in a column."""

MOST_BITS = 1_000
"""Of a number that a template makes."""


class TooMuch(RuntimeError):
    """A template would run for long or make very much text."""


class Scope(Context):
    """What the texts of one message see, in whose language and time, and what is left of what they may cost."""

    def __init__(self, environment: Environment, known: dict[str, Any], locale: str, zone: str) -> None:
        """``known``: name -> value; ``locale``: a tag that numbers and dates are written in; ``zone``: IANA name."""
        # What Context.__init__ sets, without the parts that are the same each time: it took a tenth of rendering.
        self.parent = known
        self.vars = {}
        self.environment = environment
        self.eval_ctx = _evaluation(environment)
        self.exported_vars = set()
        self.name = None
        self.globals_keys = set()
        self.blocks = {}
        self.locale = locale
        self.zone = zone
        self._steps = STEPS

    def spend(self, steps: int) -> None:
        """Raises :class:`TooMuch`."""
        self._steps -= steps
        if self._steps < 0:
            raise TooMuch("it would take too long: fewer or shorter loops and lists, please")

    def touch(self, *values: object) -> None:
        """Spend what an operation on ``values`` may cost. Raises :class:`TooMuch`."""
        self.spend(sum(weight(value, self._steps) for value in values) + 1)

    def each(self, values: Iterable[object], steps: int) -> Iterator[object]:
        """``values``, for ``steps`` each. Raises :class:`TooMuch`."""
        for value in values:
            self.spend(steps)
            yield value


@cache
def _evaluation(environment: Environment) -> EvalContext:
    return EvalContext(environment)


def weight(value: object, most: int) -> int:
    """Steps that an operation on ``value`` may take; what is heavier than ``most`` is not weighed to its end."""
    total = 0
    rest = [value]
    while rest and total <= most:
        each = rest.pop()
        total += 1
        if isinstance(each, (str, bytes)):
            total += len(each) // CHARACTERS_A_STEP
        elif isinstance(each, Undefined):
            continue
        elif isinstance(each, Collection):
            if len(each) > most - total:
                return most + 1
            rest.extend(each)
            if isinstance(each, Mapping):
                rest.extend(each.values())
    return total


def checked(value: Any) -> Any:
    """``value``, made by a template. Raises :class:`TooMuch` when it is too long."""
    if isinstance(value, str) and len(value) > LONGEST:
        raise TooMuch(f"it would make a text of more than {LONGEST:,} characters")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise TooMuch("it would make a number of hundreds of digits")
    return value


def multiplied(left: Any, right: Any) -> Any:
    """``left * right`` of numbers. Raises :class:`TooMuch`, and TypeError for what would repeat a text or a list."""
    _numbers("*", left, right)
    return checked(left * right)


def raised(left: Any, right: Any) -> Any:
    """``left ** right``. Raises :class:`TooMuch`."""
    _numbers("**", left, right)
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MOST_BITS:
        raise TooMuch("it would make a number of hundreds of digits")
    return left**right


def _numbers(operator: str, *values: object) -> None:
    for value in values:
        if isinstance(value, Collection):
            raise TypeError(f"{operator} is for numbers, not for a {type(value).__name__}")


def joined_string(text: str, values: Iterable[object]) -> str:
    """``text`` between ``values``. Raises :class:`TooMuch`."""
    parts = [str(value) for value in values]
    if sum(map(len, parts)) + len(text) * len(parts) > LONGEST:
        raise TooMuch(f"it would make a text of more than {LONGEST:,} characters")
    return text.join(parts)
