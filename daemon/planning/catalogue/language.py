"""The language of messages: Jinja2's, without what could run for long, make very much text, or reach what is not given.

Whoever edits a message is trusted with words, not with the daemon. There are output, ``if``, ``for`` and ``set``;
filters, tests and methods are those named here; each is charged for what it touches (see ``limits``).
"""

from collections.abc import Callable, Collection, Mapping
from types import BuiltinMethodType
from typing import Any, ClassVar

from jinja2 import StrictUndefined, TemplateAssertionError, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config.suggestions import did_you_mean
from daemon.planning.catalogue.charging import CONCAT, EACH, WEIGHED, Charging
from daemon.planning.catalogue.filters import (
    charged,
    charged_test,
    concatenated,
    formatted,
    joined,
    own,
    printed,
    replaced,
    weighed,
)
from daemon.planning.catalogue.formats import FILTERS, FUNCTIONS
from daemon.planning.catalogue.limits import Scope, checked, multiplied, raised
from daemon.planning.catalogue.variables import OF_A_PERSON, Row
from daemon.planning.values import Person


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JINJA_FILTERS = _names(
    "abs capitalize count d default first float int items last length list lower map max min reject rejectattr reverse"
    " round select selectattr sort string sum title trim truncate unique upper urlencode wordcount"
)
_JINJA_TESTS = _names(
    "!= < <= == > >= boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le"
    " lessthan lower lt mapping ne none number odd sequence string true undefined upper"
)
_METHODS: Mapping[type, frozenset[str]] = {
    str: _names(
        "capitalize casefold count endswith find isalnum isalpha isdigit lower lstrip partition removeprefix"
        " removesuffix rpartition rsplit rstrip split splitlines startswith strip title upper"
    ),
    dict: _names("get items keys values"),
    LoopContext: _names("changed cycle"),
}
_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign),
    *(nodes.Const, nodes.Name, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Call),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat),
    *(nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow),
)


class Language(ImmutableSandboxedEnvironment):
    """An environment whose templates end soon. Use :meth:`understood` in place of ``parse``."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "*", "**", "%"})  # type: ignore[misc] # as it is meant

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=printed)
        ours: dict[str, Callable[..., Any]] = {**FILTERS, "format": formatted, "join": joined, "replace": replaced}
        self.filters = {
            EACH: pass_context(Scope.each),
            CONCAT: pass_context(concatenated),
            WEIGHED: pass_context(weighed),
            **{f"{name} ": self.filters[name] for name in _JINJA_FILTERS},
            **{name: charged(self, name) for name in _JINJA_FILTERS},
            **{name: own(function) for name, function in ours.items()},
        }
        self.tests = {
            **{f"{name} ": self.tests[name] for name in _JINJA_TESTS},
            **{name: charged_test(self, name) for name in _JINJA_TESTS},
        }
        self.globals = {"range": range, **FUNCTIONS}
        self._functions = frozenset(self.globals.values())

    def understood(self, source: str) -> nodes.Template:
        """``source`` as a tree. Raises jinja2's TemplateError, with what to write instead where that is known."""
        tree = self.parse(source)
        for node in tree.find_all(nodes.Node):
            self._allow(node)
        return tree

    def compiled(self, tree: nodes.Template) -> Callable[[Context], Any]:
        """What renders ``tree`` (as :meth:`understood` made it, and changed here) in a :class:`Scope`."""
        Charging().visit(tree)
        tree.set_environment(self)
        code = self.compile(tree)
        return self.template_class.from_code(self, code, {}).root_render_func

    def getattr(self, obj: Any, attribute: str) -> Any:
        # What nearly every message asks for, without Jinja's looks at what it could be instead.
        kind = type(obj)
        if kind is Row:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        if kind is Person and attribute in OF_A_PERSON:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, BuiltinMethodType) or isinstance(getattr(obj, "__self__", None), LoopContext):
            return obj.__name__ in _METHODS.get(type(obj.__self__), ())
        return obj in self._functions

    def call(self, context: Context, function: Any, *args: Any, **kwargs: Any) -> Any:
        # Else Jinja would make a context of its own for a call within a loop, without what is left to spend.
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        if isinstance(context, Scope):
            context.touch(getattr(function, "__self__", None), *args, *kwargs.values())
        return checked(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(context, Scope):
            context.touch(left, right)
        match operator:
            case "*":
                return multiplied(left, right)
            case "**":
                return raised(left, right)
            case "%" if isinstance(left, str):
                return formatted(context, left, *(right if isinstance(right, (list, tuple)) else (right,)))
            case _:
                return checked(super().call_binop(context, operator, left, right))

    def _allow(self, node: nodes.Node) -> None:
        match node:
            case nodes.For(recursive=True):
                raise TemplateAssertionError("a message has no recursive loops", node.lineno)
            case nodes.Call() | nodes.Filter() | nodes.Test() if node.dyn_args or node.dyn_kwargs:
                raise TemplateAssertionError("write out the arguments in place of * and **", node.lineno)
            case nodes.Filter():
                _known(node.name, self.filters, "filter", node.lineno)
            case nodes.Test():
                _known(node.name, self.tests, "test", node.lineno)
            case nodes.Call(node=nodes.Name(name=name)):
                _known(name, self.globals, "function", node.lineno)
            case nodes.Call(node=nodes.Getattr(attr=name)):
                _known(name, {each for methods in _METHODS.values() for each in methods}, "method", node.lineno)
            case nodes.Dict() if any(not isinstance(pair.key, nodes.Const) for pair in node.items):
                raise TemplateAssertionError("the keys of {...} must be written out", node.lineno)
            case nodes.Assign() if not isinstance(node.target, (nodes.Name, nodes.Tuple)):
                raise TemplateAssertionError("set gives a value to a name", node.lineno)
            case _ if not isinstance(node, _NODES):
                raise TemplateAssertionError(
                    f'a message has no "{type(node).__name__.lower()}"; there is {{{{ ... }}}}, if, for and set',
                    node.lineno,
                )


def _known(name: str, known: Collection[str], kind: str, line: int) -> None:
    sayable = [each for each in known if not each.endswith(" ")]
    if name not in sayable:
        raise TemplateAssertionError(f'there is no {kind} "{name}"{did_you_mean(name, sayable)}', line)
