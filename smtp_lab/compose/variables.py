"""Which data a template uses, and which of it it can do without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

__all__ = ("names_used",)


def names_used(trees: Sequence[nodes.Template], *, required: bool) -> set[str]:
    """The names that the parsed templates *trees* take from outside.

    Args:
        trees: A template, and all it extends, includes or imports; they may be changed.
        required: Leave out those it can do without.
    """
    own = {
        name.name
        for tree in trees
        for assign in tree.find_all(nodes.Assign)
        for name in assign.find_all(nodes.Name)
        if name.ctx == "store"
    }
    own |= {one.target for tree in trees for one in tree.find_all(nodes.Import)}
    for tree in trees:
        for one in tree.find_all(nodes.FromImport):
            own |= {name if isinstance(name, str) else name[1] for name in one.names}
    if required:
        trees = [_Needed().visit(tree) for tree in trees]
    found: set[str] = set().union(*map(meta.find_undeclared_variables, trees))
    if required:
        found -= set().union(*map(_optional, trees))
    return found - own


class _Needed(NodeTransformer):
    """Leaves out what is only used where something ``is defined``."""

    def visit_If(self, node: nodes.If) -> Any:  # noqa: N802
        return None if _asks(node.test) else self.generic_visit(node)

    def visit_CondExpr(self, node: nodes.CondExpr) -> Any:  # noqa: N802
        return nodes.Const("") if _asks(node.test) else self.generic_visit(node)


def _asks(test: nodes.Node) -> bool:
    return any(
        one.name == "defined"
        for one in (test, *test.find_all(nodes.Test))
        if isinstance(one, nodes.Test)
    )


def _optional(tree: nodes.Template) -> set[str]:
    """The names *tree* asks about before it uses them."""
    asked: list[nodes.Node | None] = [
        test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")
    ]
    asked += [one.node for one in tree.find_all(nodes.Filter) if one.name in ("default", "d")]
    return {node.name for node in asked if isinstance(node, nodes.Name)}
