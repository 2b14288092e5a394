"""Which data a template uses, and which of it it can do without.

A name is data where nothing the template sets comes before it: what is set in a loop, a macro or a
block is gone after it, what is set in one branch of an ``if`` may be there or not, and what is set
outside of any is seen by the blocks and the included files after it, and by all that is extended.
Jinja's own ``meta.find_undeclared_variables`` looks at one file, and takes what a branch sets, or
what a block of the same file is given, for data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import jinja2
from jinja2 import nodes

__all__ = ("GIVEN", "Reading")

GIVEN = frozenset(("cc", "images", "language", "sender", "subject", "t", "theme", "to"))
"""Names a template always has; no data is called so."""

_IN_MACROS = ("caller", "kwargs", "varargs")


@dataclass
class _Frame:
    """The names that are no data at some place.

    Attributes:
        sure: What was set before.
        maybe: What was set where an ``if`` held.
        inside: What a loop, a macro and the like in it sees besides: what is set further down.
        top: Whether what is set here is seen by blocks and included files.
        branch: Whether it is a branch of an ``if``.
    """

    sure: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()
    top: bool = False
    branch: bool = False

    def inner(self, *own: str) -> _Frame:
        """What begins inside of it, with names of its *own*."""
        return _Frame(self.sure | self.inside | {*own}, self.maybe)

    def put(self, names: Iterable[str]) -> None:
        """Note that *names* are set from here on."""
        self.sure |= frozenset(names)


@dataclass
class _File:
    """A file that is read, with all it extends: they share what they set and their blocks."""

    root: _Frame
    blocks: dict[str, list[nodes.Block]] = field(default_factory=dict)
    parent: str = ""
    known: bool = False  # whether the parent is extended in any case


class Reading:
    """Goes through templates in the order in which they would be filled.

    Args:
        parse: Gives the syntax of the file of a name; raises `jinja2.TemplateNotFound` where there
            is none.
        known: Names that are always there.

    Attributes:
        found: The names taken from outside.
        asked: Those that are asked about with ``is defined``, or have a ``default``.
    """

    def __init__(self, parse: Callable[[str], nodes.Template], known: Iterable[str]) -> None:
        self._parse, self._known = parse, frozenset(known)
        self.found: set[str] = set()
        self.asked: set[str] = set()
        self._needed: set[str] = set()
        self._optional = 0
        self._seen: set[tuple[str, frozenset[str], frozenset[str], bool]] = set()
        self._frame, self._file = _Frame(), _File(_Frame())

    @property
    def needed(self) -> set[str]:
        """Those of `found` it cannot do without."""
        return self._needed - self.asked

    def file(self, name: str, frame: _Frame | None = None) -> None:
        """Read the file called *name*, which sees the names of *frame*."""
        frame = frame or _Frame()
        key = (name, frame.sure, frame.maybe, bool(self._optional))
        if key in self._seen:
            return
        self._seen.add(key)
        self.tree(self._parse(name), frame)

    def tree(self, tree: nodes.Template, frame: _Frame | None = None) -> None:
        """Read *tree*, and all it extends."""
        before = self._frame, self._file
        frame = frame or _Frame()
        root = _Frame(frame.sure | {"self"}, frame.maybe, top=True)
        self._file, extended = _File(root), set()
        while True:
            for block in tree.find_all(nodes.Block):
                self._file.blocks.setdefault(block.name, []).append(block)
            self._file.parent, self._file.known = "", False
            self._body(tree.body, root)
            if not self._file.parent or self._file.parent in extended:
                break
            extended.add(self._file.parent)
            tree = self._parse(self._file.parent)
        self._frame, self._file = before

    # --- statements ---------------------------------------------------------------------------

    def _body(self, body: Iterable[nodes.Node], frame: _Frame) -> None:
        before, self._frame = self._frame, frame
        body = list(body)
        frame.inside = frozenset(_set_in(body))
        for node in body:
            self._visit(node)
        self._frame = before

    def _visit(self, node: nodes.Node) -> None:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)
            return
        for child in node.iter_child_nodes():
            self._visit(child)

    def _visit_all(self, several: Iterable[nodes.Node | None]) -> None:
        for node in several:
            if node is not None:
                self._visit(node)

    def _output(self, node: nodes.Output) -> None:
        # What stands beside the blocks of a file that extends another is never written.
        if not (self._file.known and self._frame.top):
            self._visit_all(node.nodes)

    def _if(self, node: nodes.If) -> None:
        optional, frame, root = self._optional, self._frame, self._file.root
        ends = []
        for test, body in _branches(node):
            if test is not None:
                self._optional += _asks(test)
                self._visit(test)
            ends.append(_Frame(frame.sure, frame.maybe, frame.inside, frame.top, branch=True))
            self._frame = ends[-1]
            if frame.top:
                self._file.root = self._frame
            self._visit_all(body)
            self._frame, self._file.root = frame, root
        frame.maybe |= frozenset().union(*(end.sure | end.maybe for end in ends))
        frame.sure = frozenset.intersection(*(end.sure for end in ends))
        self._optional = optional

    def _for(self, node: nodes.For) -> None:
        self._visit(node.iter)
        targets = tuple(_names(node.target))
        if node.test is not None:
            self._body([node.test], self._frame.inner(*targets))
        self._body(node.body, self._frame.inner(*targets, "loop"))
        self._body(node.else_, self._frame.inner())

    def _with(self, node: nodes.With) -> None:
        self._visit_all(node.values)
        targets = [name for target in node.targets for name in _names(target)]
        self._body(node.body, self._frame.inner(*targets))

    def _macro(self, node: nodes.Macro) -> None:
        self._frame.put([node.name])
        self._called(node)

    def _callblock(self, node: nodes.CallBlock) -> None:
        self._visit(node.call)
        self._called(node)

    def _called(self, node: nodes.Macro | nodes.CallBlock) -> None:
        own = [argument.name for argument in node.args]
        self._body([*node.defaults, *node.body], self._frame.inner(*own, *_IN_MACROS))

    def _filterblock(self, node: nodes.FilterBlock) -> None:
        self._visit(node.filter)
        self._body(node.body, self._frame.inner())

    def _scope(self, node: nodes.Scope) -> None:
        self._body(node.body, self._frame.inner())

    def _scopedevalcontextmodifier(self, node: nodes.ScopedEvalContextModifier) -> None:
        self._visit_all(node.options)
        self._body(node.body, self._frame.inner())

    def _assign(self, node: nodes.Assign) -> None:
        self._visit(node.node)
        self._put(node.target)

    def _assignblock(self, node: nodes.AssignBlock) -> None:
        if node.filter is not None:
            self._visit(node.filter)
        self._body(node.body, self._frame.inner())
        self._put(node.target)

    def _put(self, target: nodes.Node) -> None:
        for one in (target, *target.find_all(nodes.NSRef)):
            if isinstance(one, nodes.NSRef):
                self._load(one.name)
        self._frame.put(_names(target))

    # --- other files --------------------------------------------------------------------------

    def _block(self, node: nodes.Block) -> None:
        if self._file.known and self._frame.top:
            return  # it stands where the extended file has it
        root, here = self._file.root, self._frame
        for block in self._file.blocks.get(node.name, [node]):
            frame = _Frame(root.sure | {"self", "super"}, root.maybe)
            if node.scoped:
                frame = _Frame(frame.sure | here.sure | here.inside, frame.maybe | here.maybe)
            self._body(block.body, frame)
            if not any(name.name == "super" for name in block.find_all(nodes.Name)):
                break

    def _extends(self, node: nodes.Extends) -> None:
        self._visit(node.template)
        self._file.parent = next(_constants(node.template), self._file.parent)
        self._file.known |= bool(self._file.parent) and not self._frame.branch

    def _include(self, node: nodes.Include) -> None:
        self._visit(node.template)
        for name in _constants(node.template):
            try:
                self._other(node, name)
            except jinja2.TemplateNotFound:
                if not node.ignore_missing and isinstance(node.template, nodes.Const):
                    raise

    def _import(self, node: nodes.Import) -> None:
        self._imported(node)
        self._frame.put([node.target])

    def _fromimport(self, node: nodes.FromImport) -> None:
        self._imported(node)
        self._frame.put(name if isinstance(name, str) else name[1] for name in node.names)

    def _imported(self, node: nodes.Import | nodes.FromImport) -> None:
        self._visit(node.template)
        for name in _constants(node.template):
            self._other(node, name)

    def _other(self, node: nodes.Include | nodes.Import | nodes.FromImport, name: str) -> None:
        if not node.with_context:
            self._parse(name)  # it sees no data
            return
        root, here = self._file.root, self._frame
        self.file(name, _Frame(root.sure | here.sure, root.maybe | here.maybe))

    # --- expressions --------------------------------------------------------------------------

    def _condexpr(self, node: nodes.CondExpr) -> None:
        asks = _asks(node.test)
        self._optional += asks
        self._visit_all((node.test, node.expr1, node.expr2))
        self._optional -= asks

    def _test(self, node: nodes.Test) -> None:
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name):
            self.asked.add(node.node.name)
        self._visit_all(node.iter_child_nodes())

    def _filter(self, node: nodes.Filter) -> None:
        if node.name in ("default", "d") and isinstance(node.node, nodes.Name):
            self.asked.add(node.node.name)
        self._visit_all(node.iter_child_nodes())

    def _name(self, node: nodes.Name) -> None:
        self._load(node.name)

    def _load(self, name: str) -> None:
        if name in self._known or name in self._frame.sure:
            return
        self.found.add(name)
        if not self._optional and name not in self._frame.maybe:
            self._needed.add(name)


def _branches(node: nodes.If) -> Iterator[tuple[nodes.Node | None, list[nodes.Node]]]:
    """What each branch asks, and the branch; the last asks nothing and may be empty."""
    yield node.test, node.body
    for other in node.elif_:
        yield other.test, other.body
    yield None, node.else_


def _set_in(body: Iterable[nodes.Node]) -> Iterator[str]:
    """What *body* sets in any case, by whatever way."""
    for node in body:
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            yield from _names(node.target)
        elif isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)


def _names(target: nodes.Node) -> Iterator[str]:
    """The names that are set where *target* is."""
    for one in (target, *target.find_all(nodes.Name)):
        if isinstance(one, nodes.Name):
            yield one.name


def _constants(template: nodes.Node) -> Iterator[str]:
    """The names of files that *template* is written as."""
    for one in (template, *template.find_all(nodes.Const)):
        if isinstance(one, nodes.Const):
            values = one.value if isinstance(one.value, tuple | list) else [one.value]
            yield from (value for value in values if isinstance(value, str))


def _asks(test: nodes.Node) -> bool:
    """Whether *test* asks if something is there."""
    return any(
        one.name == "defined"
        for one in (test, *test.find_all(nodes.Test))
        if isinstance(one, nodes.Test)
    )
