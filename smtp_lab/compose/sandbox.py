"""The Jinja2 environment templates run in: sandboxed, strict, escaping, and bounded.

What is bounded: the passes through loops, macros, blocks and included files, what is written, the
size of what an expression makes, and the time, which is looked at between these steps. What is not:
a method of an object the caller gave, which runs as long as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, cast

import jinja2
from jinja2 import nodes, pass_context, pass_eval_context
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.lexer import (
    TOKEN_BLOCK_BEGIN,
    TOKEN_DATA,
    TOKEN_VARIABLE_BEGIN,
    Token,
    TokenStream,
)
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from smtp_lab.compose.budget import MOST_ITEMS, TooMuchError, budget
from smtp_lab.compose.columns import is_data
from smtp_lab.compose.sizes import (
    check_binop,
    check_call,
    check_filter,
    check_method,
    check_written,
    ending,
    listed,
    sized,
)

__all__ = ("Sandbox", "is_html")

_MOST_SOURCE = 1_000_000  # characters of one file or text
_MOST_TAGS = 10_000
_MOST_WORDS = 100_000  # names, values and signs in all its tags
_WHOLE = {"join", "list"}  # filters that take all there is at once
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_BRACES = re.compile(r"\{#|\{%(?![-+]?\s)")
_STYLE_ENDS = re.compile("</style", re.IGNORECASE)
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


def is_html(name: str | None) -> bool:
    """Whether what the template called *name* writes is HTML."""
    return bool(name and name.endswith(".html"))


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment in which a template reaches its data and nothing behind it.

    Args:
        loader: Where templates come from.
        show: Gives values that are no texts their form: called with the value and whether HTML is
            wanted; what it gives back is escaped unless it is `markupsafe.Markup`.
        filters: Further filters, by name.
    """

    intercepted_binops = frozenset(("+", "-", "*", "/", "**", "%", "//"))

    def __init__(
        self,
        loader: jinja2.BaseLoader,
        show: Callable[[Any, bool], str],
        filters: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    ) -> None:
        @pass_eval_context
        def finalize(context: EvalContext, value: Any) -> Any:
            check_written(value)
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
        for name, function in filters.items():
            self.filters[name] = _watched(name, function)
        self.filters |= {"ending": ending, "step": _step, "weighed": _weighed}

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Keep the braces of CSS from being taken for Jinja's; see `jinja2.Environment`.

        Raises:
            TooMuchError: It is too long to be compiled.
        """
        if len(source) > _MOST_SOURCE:
            raise TooMuchError(f"it has more than {_MOST_SOURCE:,} characters")
        return super().preprocess(_css_kept(source), name, filename)

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        stream = super()._tokenize(source, name, filename, state)
        return TokenStream(_few_enough(stream), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        return cast("nodes.Template", _Counting().visit(tree))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Work out ``left operator right`` where the result is not too long."""
        budget().look()
        check_binop(operator, left, right)
        made = super().call_binop(context, operator, left, right)
        # What is in the lists that are put together was looked at when they were made, and the
        # cells of data are counted before.
        if isinstance(made, list | tuple):
            budget().make(len(made))
            return made
        return made if is_data(made) else sized(made)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method where the result is not too long."""
        budget().look()
        of, name = getattr(function, "__self__", None), str(getattr(function, "__name__", ""))
        if isinstance(of, str | bytes | int):
            args = tuple(map(listed, args))
            check_method(name, of, (*args, *kwargs.values()))
        check_call(name, of, args, kwargs)
        return sized(super().call(context, function, *args, **kwargs), name, anew=True)

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
        if wrapped is None:
            return None
        name, text = value.__name__, value.__self__

        def held(*args: Any, **kwargs: Any) -> str:
            check_method(name, text, (*args, *kwargs.values()))
            return wrapped(*args, **kwargs)

        return held


def _few_enough(tokens: Iterable[Token]) -> Iterator[Token]:
    """*tokens*, which raise `TooMuchError` where there are more than can soon be compiled."""
    tags = words = 0
    for token in tokens:
        if token.type in (TOKEN_BLOCK_BEGIN, TOKEN_VARIABLE_BEGIN):
            tags += 1
        elif token.type != TOKEN_DATA:
            words += 1
        if tags > _MOST_TAGS:
            raise TooMuchError(f"it has more than {_MOST_TAGS:,} tags")
        if words > _MOST_WORDS:
            raise TooMuchError(f"it has more than {_MOST_WORDS:,} words in its tags")
        yield token


def _css_kept(source: str) -> str:
    """Inside <style> a ``{#`` begins a rule, and ``{%`` a statement only before a blank."""
    made, at = [], 0
    # One pattern for all of it would look for the end again from each beginning.
    while begins := _STYLE.search(source, at):
        css = source.find(">", begins.end()) + 1
        ends = _STYLE_ENDS.search(source, css) if css else None
        if ends is None:
            break
        made += [source[at:css], _BRACES.sub(r"{{ '\g<0>' }}", source[css : ends.start()])]
        at = ends.start()
    return "".join([*made, source[at:]])


class _Counting(NodeTransformer):
    """Puts a step of the budget into everything that may come around again, and into ``~``."""

    def visit_Template(self, node: nodes.Template) -> Any:  # noqa: N802
        return self._count(node)

    def visit_For(self, node: nodes.For) -> Any:  # noqa: N802
        made = self._count(node)
        made.iter = nodes.Filter(node.iter, "ending", [], [], None, None, lineno=node.lineno)
        return made

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
    return sized(value)


def _short_range(*args: int) -> range:
    made = range(*args)
    if len(made) > MOST_ITEMS // 10:
        raise TooMuchError(f"it wants a range of more than {MOST_ITEMS // 10:,} numbers")
    return made


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's filter *function* with the checks that *name* asks for, called as before."""
    before = _before(function)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        budget().look()
        args = (*args[:before], *map(listed if name in _WHOLE else ending, args[before:]))
        check_filter(name, (*args[before:], *kwargs.values()))
        return sized(function(*args, **kwargs))

    # What Jinja is to hand over is noted on the function itself.
    vars(guarded).update(getattr(function, "__dict__", {}))
    return guarded


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Our filter *function*, called as before: what it makes is taken from the budget."""
    before = _before(function)

    def watched(*args: Any, **kwargs: Any) -> Any:
        budget().look()
        check_filter(name, (*args[before:], *kwargs.values()))
        made = function(*args, **kwargs)
        if not isinstance(made, str):
            return sized(made, anew=True)
        budget().make(len(made))  # a table may be as long as what is written
        return made

    vars(watched).update(getattr(function, "__dict__", {}))
    return watched


def _before(function: Callable[..., Any]) -> int:
    """How many arguments Jinja puts before the value a filter stands behind."""
    return int(getattr(function, "jinja_pass_arg", None) is not None)
