"""The Jinja2 environment templates run in: sandboxed, strict, escaping, and bounded.

What is bounded: the passes through loops, macros, blocks and included files, what is written, the
size of what an expression makes, and the time, which is looked at between these steps. What is not:
a method of an object the caller gave, which runs as long as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sized
from types import ModuleType
from typing import Any, cast

import jinja2
from jinja2 import nodes, pass_context, pass_eval_context
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from smtp_lab.compose.budget import MOST_ITEMS, TooMuchError, budget

__all__ = ("Sandbox", "is_html")

_MOST_NESTED = 2 * MOST_ITEMS  # things in a list and in all the lists in it
_WIDEST = 10_000  # of a padding, a precision or a batch
_HOLDERS = (list, tuple, dict, Namespace)
_TOO_LONG = f"it makes a value longer than {MOST_ITEMS:,}"
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style)", re.IGNORECASE | re.DOTALL)
_TOO_WIDE = f"it pads a value to more than {_WIDEST:,} characters"
# A width of five digits, or one that comes from another value.
_WIDE_FORMAT = re.compile(r"%[^%a-zA-Z]*(?:\d{5}|\*)|:[^{}]*(?:\d{5}|\{)")
# Filters whose result may be as long as an argument says.
_WIDE = {"batch", "center", "indent", "round", "slice", "tojson", "truncate", "wordwrap"}
# DataFrames evaluate Python (eval, query), call what they are given, and write files, as paths,
# pictures and figures do. A mail only needs to read them.
_OF_DATA = {
    *("altair", "great_tables", "io", "matplotlib", "numpy", "os", "pandas", "pathlib", "PIL"),
    *("plotly", "polars", "pyarrow", "shutil", "socket", "subprocess", "sys", "tempfile", "types"),
}
_READS = {
    *("abs", "all", "any", "astimezone", "capitalize", "count", "cumsum", "date", "day_name"),
    *("diff", "drop_duplicates", "dropna", "fillna", "first", "get", "head", "idxmax", "idxmin"),
    *("iloc", "isin", "isna", "isnull", "isocalendar", "isoformat", "item", "items"),
    *("itertuples", "keys", "last", "lower", "max", "mean", "median", "min", "month_name"),
    *("nlargest", "notna", "notnull", "nsmallest", "nunique", "pct_change", "prod", "quantile"),
    *("rank", "reset_index", "round", "sort_index", "sort_values", "std", "strftime", "strip"),
    *("sum", "tail", "time", "timestamp", "title", "to_dict", "to_list", "to_pydatetime"),
    *("tolist", "total_seconds", "tz_convert", "tz_localize", "unique", "upper", "value_counts"),
    *("values", "var", "weekday"),
}
# Methods of a text whose result may be as long as an argument says.
_PADDING = {"center", "expandtabs", "ljust", "rjust", "zfill"}


def is_html(name: str | None) -> bool:
    """Whether what the template called *name* writes is HTML."""
    return bool(name and name.endswith(".html"))


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment in which a template reaches its data and nothing behind it.

    Args:
        loader: Where templates come from.
        show: Gives values that are no texts their form: called with the value and whether HTML is
            wanted; what it gives back is escaped unless it is `markupsafe.Markup`.
    """

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, loader: jinja2.BaseLoader, show: Callable[[Any, bool], str]) -> None:
        @pass_eval_context
        def finalize(context: EvalContext, value: Any) -> Any:
            text = value if isinstance(value, str) else show(value, bool(context.autoescape))
            budget().write(len(text))
            return text

        super().__init__(
            loader=loader,
            undefined=jinja2.StrictUndefined,
            autoescape=is_html,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            finalize=finalize,
        )
        # Nothing a mail needs, and ways out of the sandbox.
        for name in ("lipsum", "cycler", "joiner"):
            del self.globals[name]
        self.globals["range"] = _short_range
        for name, function in DEFAULT_FILTERS.items():
            self.filters[name] = _guarded(name, function)
        self.filters |= {"step": _step, "weighed": _weighed}

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Keep the braces of CSS from being taken for Jinja's; see `jinja2.Environment`."""
        return super().preprocess(_STYLE.sub(_css_kept, source), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        return cast("nodes.Template", _Counting().visit(tree))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Work out ``left operator right`` where the result is not too long."""
        _check_binop(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method where the result is not too long."""
        of = getattr(function, "__self__", None)
        if isinstance(of, str | bytes):
            name = getattr(function, "__name__", "")
            if name == "join" and args:
                args = (_listed(args[0]), *args[1:])
            _check_method(name, of, (*args, *kwargs.values()))
        return _sized(super().call(context, function, *args, **kwargs))

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call *obj*: of the libraries of data only what reads."""
        of = getattr(obj, "__self__", None)
        home = obj if of is None or isinstance(of, ModuleType) else type(of)
        root = str(getattr(home, "__module__", None) or "").partition(".")[0]
        if root in _OF_DATA and getattr(obj, "__name__", "") not in _READS:
            return False
        return bool(super().is_safe_callable(obj))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Hold ``str.format`` against the bounds; Jinja's sandbox wraps it already."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _check_format(value.__self__)
        return wrapped


def _css_kept(found: re.Match[str]) -> str:
    """Inside <style> a ``{#`` begins a rule, and ``{%`` a statement only before a blank."""
    css = re.sub(r"\{#|\{%(?![-+]?\s)", lambda brace: "{{ '" + brace[0] + "' }}", found[2])
    return found[1] + css + found[3]


class _Counting(NodeTransformer):
    """Puts a step of the budget into everything that may come around again, and into ``~``."""

    def visit_Template(self, node: nodes.Template) -> Any:  # noqa: N802
        return self._count(node)

    def visit_For(self, node: nodes.For) -> Any:  # noqa: N802
        return self._count(node)

    def visit_Macro(self, node: nodes.Macro) -> Any:  # noqa: N802
        return self._count(node)

    def visit_Block(self, node: nodes.Block) -> Any:  # noqa: N802
        return self._count(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> Any:  # noqa: N802
        return self._count(node)

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802
        return self._weigh(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802
        return self._weigh(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        return self._weigh(node) if node.ctx == "load" else node

    def visit_Include(self, node: nodes.Include) -> nodes.Include:  # noqa: N802
        return node  # the files it names stay as they are: others look at them

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "join", [], [], None, None, lineno=node.lineno)

    def _weigh(self, node: Any) -> nodes.Expr:
        self.generic_visit(node)
        return nodes.Filter(node, "weighed", [], [], None, None, lineno=node.lineno)

    def _count(self, node: Any) -> Any:
        self.generic_visit(node)
        own = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        step = nodes.Filter(nodes.Const(own), "step", [], [], None, None, lineno=node.lineno)
        node.body.insert(0, nodes.ExprStmt(step, lineno=node.lineno))
        return node


@pass_context  # else the compiler would take the step once and for all
def _step(_context: Context, characters: int) -> str:
    budget().step(max(0, characters))
    return ""


@pass_context
def _weighed(_context: Context, value: Any) -> Any:
    return _sized(value)


def _short_range(*args: int) -> range:
    made = range(*args)
    if len(made) > MOST_ITEMS // 10:
        raise TooMuchError(f"it wants a range of more than {MOST_ITEMS // 10:,} numbers")
    return made


def _check_binop(operator: str, left: Any, right: Any) -> None:
    if operator == "%":
        if isinstance(left, str | bytes):
            _check_format(left)
        return
    if operator == "**":
        if isinstance(left, int) and isinstance(right, int) and abs(right) > 1:
            _check_size(left.bit_length() * abs(right))
        return
    if operator == "+":
        if isinstance(left, str | bytes | list | tuple) and isinstance(right, Sized):
            _check_size(len(left) + len(right))
        return
    if isinstance(left, int) and isinstance(right, int):
        _check_size(left.bit_length() + right.bit_length())
    for many, times in ((left, right), (right, left)):
        if isinstance(many, str | bytes | list | tuple) and isinstance(times, int):
            _check_size(len(many) * times)


def _check_method(name: str, of: str | bytes, given: tuple[Any, ...]) -> None:
    if name in _PADDING:
        _check_widths(given)
    elif name == "replace" and len(given) > 1:
        _check_replace(of, given[0], given[1])
    elif name == "join" and given:
        _check_join(of, given[0])


def _check_format(text: str | bytes) -> None:
    if _WIDE_FORMAT.search(text.decode("latin-1") if isinstance(text, bytes) else text):
        raise TooMuchError(_TOO_WIDE)


def _check_widths(given: tuple[Any, ...]) -> None:
    for value in given:
        if isinstance(value, int) and abs(value) > _WIDEST:
            raise TooMuchError(_TOO_WIDE)


def _check_replace(text: Any, old: Any, new: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    times = text.count(old) if old else len(text) + 1
    _check_size(len(text) + times * max(0, len(new) - len(old)))


def _listed(pieces: Any) -> Any:
    """What is handed out one by one, all of it: its length must be known before it is joined."""
    return list(pieces) if isinstance(pieces, Iterator) else pieces


def _check_join(between: Any, pieces: Any) -> None:
    if isinstance(pieces, list | tuple):
        length = sum(len(piece) for piece in pieces if isinstance(piece, str))
        _check_size(length + len(between) * len(pieces))


def _check_size(length: int) -> None:
    if length > MOST_ITEMS:
        raise TooMuchError(_TOO_LONG)


def _sized(value: Any) -> Any:
    if isinstance(value, str | bytes | list | tuple | dict):
        _check_size(len(value))
    if isinstance(value, _HOLDERS):
        _check_nested(value)
    return value


def _check_nested(value: Any) -> None:
    """Refuse lists that hold one another so often that nobody could write them out."""
    left, holders = _MOST_NESTED, [value]
    while holders:
        one = holders.pop()
        inside: Any = one
        if isinstance(one, Namespace):
            inside = object.__getattribute__(one, "_Namespace__attrs").values()
        elif isinstance(one, dict):
            inside = one.values()
        left -= len(inside) + 1
        if left < 0:
            raise TooMuchError(f"it nests lists to more than {_MOST_NESTED:,} things")
        holders += [other for other in inside if isinstance(other, _HOLDERS)]


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's filter *function* with the checks that *name* asks for, called as before."""
    # How many arguments Jinja puts before the value.
    before = int(getattr(function, "jinja_pass_arg", None) is not None)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        values = (*args[before:], *kwargs.values())
        if name in _WIDE:
            _check_widths(values[1:])
        elif name == "replace" and len(values) > 2:
            _check_replace(*values[:3])
        elif name == "format" and values:
            _check_format(str(values[0]))
        elif name == "join":
            args = (*args[:before], _listed(args[before]), *args[before + 1 :])
            _check_join(str(values[1]) if len(values) > 1 else "", args[before])
        elif name == "sum" and any(isinstance(one, list | tuple) for one in values[1:]):
            raise TooMuchError("it adds up lists")
        return _sized(function(*args, **kwargs))

    # What Jinja is to hand over is noted on the function itself.
    vars(guarded).update(getattr(function, "__dict__", {}))
    return guarded
