"""A template's tree with charges put in, where Jinja has no hook for them: loops, comparisons, slices, ``~``."""

from typing import cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

EACH, CONCAT, WEIGHED = "each ", "concat ", "weighed "
"""Filters that no template can name: a name has no space."""


class Charging(NodeTransformer):
    """Changes the tree that it visits."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - named by Jinja
        steps = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filter(node.iter, EACH, nodes.Const(steps))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), CONCAT)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        # Comparing costs no more than the smaller side: to weigh one of them is enough. In ``a in b`` it is b.
        for operand in node.ops:
            operand.expr = _filter(operand.expr, WEIGHED)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filter(node.node, WEIGHED)
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        # A tuple of tuples takes long to be hashed; a list is not hashed at all.
        self.generic_visit(node)
        return nodes.List(node.items, lineno=node.lineno) if node.ctx == "load" else node


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Expr:
    if isinstance(node, nodes.Const):
        return node
    return nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None, lineno=node.lineno)
