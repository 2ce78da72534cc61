"""One compiled template."""

from functools import lru_cache
from typing import Final

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

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


class Text:
    """A compiled template, rendered in a scope that it shares with the other texts of its message."""

    __slots__ = ("_constant", "_loops", "_render", "names", "of_locale", "of_zone", "source")

    def __init__(self, source: str) -> None:
        """Raises :class:`BrokenTemplate`."""
        if len(source) > LONGEST_SOURCE:
            raise BrokenTemplate(f"a template has {LONGEST_SOURCE:,} characters at most")
        try:
            tree = LANGUAGE.understood(source)
            self.names = frozenset(find_undeclared_variables(tree)) - LANGUAGE.globals.keys()
            """Every variable it mentions."""
            used = {node.name for node in tree.find_all(nodes.Filter)} | {
                node.name for node in tree.find_all(nodes.Name)
            }
            self.of_locale = not OF_LOCALE.isdisjoint(used)
            """Whether what it says depends on how the recipient's region writes numbers and dates."""
            self.of_zone = not OF_ZONE.isdisjoint(used)
            """Whether it depends on the recipient's time zone."""
            self._loops = tree.find(nodes.For) is not None
            self._constant = _constant(tree)
            self._render = LANGUAGE.compiled(tree) if self._constant is None else None
        except TemplateError as error:
            raise BrokenTemplate(_said(error)) from error
        except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError) as error:
            raise BrokenTemplate(f"it cannot be compiled: {type(error).__name__}") from error
        self.source = source

    def render(self, scope: Scope) -> str:
        """Raises whatever the data make it raise, TooMuch among it."""
        if self._render is None:
            return self._constant or ""
        if not self._loops:
            return "".join(self._render(scope))
        pieces = []
        left = MOST_OUTPUT
        for piece in self._render(scope):
            left -= len(piece) + 1
            if left < 0:
                raise TooMuch(f"it would make more than {MOST_OUTPUT:,} characters")
            pieces.append(piece)
        return "".join(pieces)


@lru_cache(maxsize=4096)
def text_of(source: str) -> Text:
    """The compiled ``source``; many messages share their words, and a catalogue is made anew when one of them changes.

    Raises :class:`BrokenTemplate`.
    """
    return Text(source)


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
