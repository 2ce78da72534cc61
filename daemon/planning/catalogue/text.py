"""One template."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context

from daemon.planning.catalogue.formats import OF_LOCALE, OF_ZONE
from daemon.planning.catalogue.language import Language
from daemon.planning.catalogue.limits import Scope, TooMuch

LANGUAGE: Final = Language()

LONGEST_SOURCE = 10_000
"""Characters. What is longer than any message takes long to compile."""

MOST_OUTPUT = 50_000
"""Characters and pieces that a template with loops may put out; messages are shortened to less."""


class BrokenTemplate(ValueError):
    """A template that cannot be compiled; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class _Understood:
    """What a template is about: to read that takes half as long as to compile it."""

    names: frozenset[str]
    of_locale: bool
    of_zone: bool


@dataclass(frozen=True, slots=True)
class _Compiled:
    """How a template is rendered."""

    render: Callable[[Context], Any] | None
    constant: str | None
    """What it always says; then there is nothing to render."""
    loops: bool


class Text:
    """A template, rendered in a scope that it shares with the other texts of its message.

    It is understood when somebody first asks what it depends on, and compiled when somebody first reads it: half a
    millisecond. Each of these raises :class:`BrokenTemplate`; :meth:`check` does both now.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    @property
    def names(self) -> frozenset[str]:
        """Every variable it mentions."""
        return self._understood.names

    @property
    def of_locale(self) -> bool:
        """Whether what it says depends on how the recipient's region writes numbers and dates."""
        return self._understood.of_locale

    @property
    def of_zone(self) -> bool:
        """Whether it depends on the recipient's time zone."""
        return self._understood.of_zone

    def check(self) -> None:
        """Raises :class:`BrokenTemplate`, if it ever will."""
        _ = self._understood, self._compiled

    def render(self, scope: Scope) -> str:
        """Raises whatever the data make it raise, TooMuch among it."""
        compiled = self._compiled
        if compiled.render is None:
            return compiled.constant or ""
        if not compiled.loops:
            return "".join(compiled.render(scope))
        pieces = []
        left = MOST_OUTPUT
        for piece in compiled.render(scope):
            left -= len(piece) + 1
            if left < 0:
                raise TooMuch(f"it would make more than {MOST_OUTPUT:,} characters")
            pieces.append(piece)
        return "".join(pieces)

    @cached_property
    def _understood(self) -> _Understood:
        with _broken():
            tree = _tree(self.source)
            filters, names = tree.find_all(nodes.Filter), tree.find_all(nodes.Name)
            used = {node.name for node in filters} | {node.name for node in names}
            return _Understood(
                names=frozenset(find_undeclared_variables(tree)) - LANGUAGE.globals.keys(),
                of_locale=not OF_LOCALE.isdisjoint(used),
                of_zone=not OF_ZONE.isdisjoint(used),
            )

    @cached_property
    def _compiled(self) -> _Compiled:
        with _broken():
            tree = _tree(self.source)
            constant, loops = _constant(tree), tree.find(nodes.For) is not None
            return _Compiled(LANGUAGE.compiled(tree) if constant is None else None, constant, loops)


@lru_cache(maxsize=4096)
def text_of(source: str) -> Text:
    """``source``, not looked at yet; many messages share their words, and a catalogue is made anew when one changes."""
    return Text(source)


def checked_text_of(source: str) -> Text:
    """``source``, compiled. Raises :class:`BrokenTemplate`."""
    text = text_of(source)
    text.check()
    return text


def _tree(source: str) -> nodes.Template:
    if len(source) > LONGEST_SOURCE:
        raise BrokenTemplate(f"a template has {LONGEST_SOURCE:,} characters at most")
    return LANGUAGE.understood(source)


@contextmanager
def _broken() -> Iterator[None]:
    """Whatever is wrong with a template, as :class:`BrokenTemplate`."""
    try:
        yield
    except BrokenTemplate:
        raise
    except TemplateError as error:
        raise BrokenTemplate(_said(error)) from error
    except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError) as error:
        raise BrokenTemplate(f"it cannot be compiled: {type(error).__name__}") from error


def _constant(tree: nodes.Template) -> str | None:
    """What a template without any variable always says."""
    if not tree.body:
        return ""
    match tree.body:
        case [nodes.Output(nodes=[nodes.TemplateData(data=data)])]:
            return data
        case _:
            return None


def _said(error: TemplateError) -> str:
    line = f" (line {error.lineno})" if isinstance(error, TemplateSyntaxError) and error.lineno > 1 else ""
    return " ".join((error.message or type(error).__name__).split()) + line
