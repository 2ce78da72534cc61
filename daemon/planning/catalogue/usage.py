"""What a template reads of a row or a person, and what it takes a column for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from jinja2 import nodes

from daemon.planning.catalogue.formats import OF_LOCALE, OF_ZONE
from daemon.planning.catalogue.text import LANGUAGE


class Kind(Enum):
    """What a template takes a column for."""

    TEXT = auto()
    NUMBER = auto()
    MOMENT = auto()
    PARTS = auto()
    """A list or an object: what is in it cannot be known here."""


@dataclass(frozen=True, slots=True)
class Read:
    """One column of a row, or field of a person, that a template reads."""

    name: str
    """``order`` of ``order.total``."""
    of: str
    """``total``"""
    guarded: bool
    """It may be missing: there is a default, or a question whether it is defined."""


def reads_in(source: str) -> list[Read]:
    """Every ``name.of`` of a template that compiles, each once."""
    tree = LANGUAGE.understood(source)
    asked = {
        id(node.node)
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if getattr(node, "name", "") in {"default", "d", "defined", "undefined"}
    }
    guarded = {(name, of) for node, name, of in _reads(tree) if id(node) in asked}
    return list(dict.fromkeys(Read(name, of, (name, of) in guarded) for _, name, of in _reads(tree)))


def kinds_in(source: str, names: frozenset[str]) -> Mapping[str, Kind]:
    """Column -> what a template takes it for, of rows that are called by ``names``; a text, where it does not say."""
    tree = LANGUAGE.understood(source)
    columns = {id(node): of for node, name, of in _reads(tree) if name in names}
    kinds = dict.fromkeys(columns.values(), Kind.TEXT)
    for node in tree.find_all(nodes.Node):
        for used, kind in _uses(node):
            for each in _either(used):
                if id(each) in columns:
                    kinds[columns[id(each)]] = kind
    return kinds


def _reads(tree: nodes.Template) -> Iterator[tuple[nodes.Node, str, str]]:
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        match node:
            case nodes.Getattr(node=nodes.Name(name=name), attr=of):
                yield node, name, of
            case nodes.Getitem(node=nodes.Name(name=name), arg=nodes.Const(value=str(of))):
                yield node, name, of


def _uses(node: nodes.Node) -> Iterator[tuple[nodes.Node | None, Kind]]:
    """The operands of ``node``, and what it takes them for."""
    match node:
        case nodes.Filter(name=name) if name in OF_ZONE:
            yield node.node, Kind.MOMENT
        case nodes.Filter(name=name) if name in OF_LOCALE | {"abs", "round", "float", "int"}:
            yield node.node, Kind.NUMBER
        case nodes.Call(node=nodes.Name(name="plural"), args=[count, *_]):
            yield count, Kind.NUMBER
        case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.Div() | nodes.FloorDiv() | nodes.Pow():
            yield node.left, Kind.NUMBER
            yield node.right, Kind.NUMBER
        case nodes.Compare() if any(_is_number(each) for each in (node.expr, *(op.expr for op in node.ops))):
            yield node.expr, Kind.NUMBER
            yield from ((operand.expr, Kind.NUMBER) for operand in node.ops)
        case nodes.Filter(name="first" | "last" | "join" | "list" | "map" | "select" | "selectattr" | "sum" | "items"):
            yield node.node, Kind.PARTS
        case nodes.Getattr() | nodes.Getitem():
            yield node.node, Kind.PARTS
        case nodes.For():
            yield node.iter, Kind.PARTS


def _either(node: nodes.Node | None) -> Iterator[nodes.Node]:
    """``a`` and ``b`` of ``a or b``: whichever it is, it is used in the same way."""
    match node:
        case nodes.Or(left=left, right=right) | nodes.And(left=left, right=right):
            yield from (*_either(left), *_either(right))
        case nodes.CondExpr(expr1=left, expr2=right):
            yield from (*_either(left), *_either(right))
        case nodes.Node():
            yield node


def _is_number(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
