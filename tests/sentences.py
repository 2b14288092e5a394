"""Every sentence that the rooms below the panels say to people, read off their code.

A sentence is what stands at a certain place of a call, such as the problem and the fix of
``InputError.of``, or any text in the modules that make nothing but sentences. What is put into it is a
gap, ``{host} is a URL``; a choice between two texts gives two sentences.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

# Where in a call a sentence stands, by what is called.
PLACES = {
    "of": (1, 2),
    "Problem": (1, 2),
    "Advice": (3,),
    "Stage": (2,),
    "ValueError": (0,),
    "SinkError": (0,),
    "ArchiveError": (0,),
    "ArchiveFullError": (0,),
    "ArchiveUnavailableError": (0,),
    "PortInUseError": (2,),
    "Hit": (1, 2),
    "Signature": (3,),
    "TooMuchError": (0,),
    "_StopReading": (0,),
    "_TooComplexError": (0,),
}
# What is called with a sentence that some other function says, by room and name.
HANDED_ON = {
    "check_text": (2,),
    "_check_many": (2,),
    "check_kind": (3,),
    "_snapshot_at": (2,),
    "_bad": (0, 1),
    "_wrong": (1, 2),
    "_counted": (3,),
}
# Functions that give a sentence back, or a tuple with one in it.
GIVEN_BACK = ("_problem", "_verified", "_body_only", "unbearable", "_too_long")
ROOMS = (
    *(
        "config",
        "deliver",
        "sink",
        "archive",
        "compose",
        "inbox",
        "language",
        "widgets",
        "transcript",
    ),
    *("errors.py", "releasing.py"),
)
# Modules whose functions give sentences back, or put them together.
WHOLE = (
    "errors.py",
    "config/catalogue.py",
    "config/policy.py",
    "config/throttle.py",
    "compose/trouble.py",
    "deliver/certificates.py",
    "deliver/checkup.py",
    "deliver/delivery.py",
    "deliver/graph_stages.py",
    "deliver/many.py",
    "deliver/offers.py",
    "deliver/other_ways.py",
    "deliver/outcome.py",
    "deliver/seen.py",
    "deliver/stages.py",
    "deliver/unknown.py",
    "transcript/html.py",
    "transcript/meanings.py",
    "transcript/waterfall.py",
)
# Modules that show tables of facts.
WITH_FACTS = (
    "deliver/certificates.py",
    "deliver/oauth/token.py",
    "deliver/offers.py",
    "deliver/other_ways.py",
    "deliver/seen.py",
    "deliver/stages.py",
)
# What is put together of texts with nothing but points and brackets between them.
WORDLESS = (
    *("{code}: {refused}.", "{code}: {refused}; {said}.", "{tally} {state}"),
    *("{keyword}: {fact}", "{fact} ({source})."),
    *("{about} BAD: {text}", "{about} ?: {text}", "profile {name}, {field} {problem}"),
    *("profile {name} {problem}", "profiles {problem}", "{value} is not the name of an activity"),
    *("accepted for {list}", "refused for {list}", "not sent to {list}"),
    *("may have arrived at {list}", "tests of {host}", "saves of {host}"),
)
# What stands around a message, around what is wrong with one, and around what differs in two.
AROUND = (
    *("Envelope", "Received", "Attachments", "Too complex", "not encrypted", "login", "no login"),
    *("unnamed", "{size} octet", "{size} octets", "{why}; the whole is in .raw", "Plain text"),
    *("Message {places}", "message {places}", "line {places}", "part {places}", "Blocked"),
    *(
        "{path}, line {places}",
        "Links ({places})",
        "and {places} more",
        "scripts",
        "forms",
        "linked files and hints",
    ),
    *("base addresses", "frames and objects", "sounds and films", "reloads and redirects"),
    *("links of an odd kind", "remote images", "event handlers", "imported styles"),
    *("files that styles load", "its HTML is longer than {characters} characters"),
    "its HTML cannot be read",
    "it has more than {places} lines",
    "Too complex to be shown as HTML: {why}. This is its text; the whole is in .html.",
    "Shortened here to {characters} characters; the whole is in .html or .text.",
    *("Findings", "Nothing found.", "severity", "rule", "where", "why", "fix", "error"),
    *("message", "headers", "attachments", "attachment", "text", "inline", "multipart"),
    *("Differences", "{after} is the same as {before}.", "login refused", "partly", "dropped"),
    *("{after} (+) differs from {before} (-).", "open", "@@ and {places} more lines"),
)
# What other people's libraries say of a value, as the config module hands it on.
LIBRARIES = (
    "should be a valid number, unable to parse string as a number",
    "should be a valid string",
    "should be a valid string, unable to parse raw data as a unicode string",
    "should be a valid boolean, unable to interpret input",
    "should be a valid dictionary or object to extract fields from",
    "should be a valid tuple",
    "there must be something before the @-sign",
    "there must be something after the @-sign",
    "the part after the @-sign is not valid. It should have a period",
    "the part after the @-sign contains invalid characters: {characters}",
    "the part after the @-sign contains invalid characters after Unicode normalization",
    "the email address contains invalid characters before the @-sign: {characters}",
    "an email address cannot start with a period",
    "an email address cannot end with a period",
    "an email address cannot have a period immediately after the @-sign",
    "an email address cannot have two periods in a row",
    "an email address cannot have a period and a hyphen next to each other",
    "an email address cannot end with a hyphen",
    "an email address cannot have a hyphen immediately after the @-sign",
    "the email address is too long before the @-sign ({count} characters too many)",
    "an email address must have an @-sign",
    "{kind} has no attribute {name}",
    "{kind} has no element {name}",
    "Expected an expression, got {found}",
    "Encountered unknown tag {name}.",
    "expected token {wanted}, got {found}",
    "unexpected char {char} at {places}",
    "unexpected {char}",
    "No filter named {name}.",
    "No test named {name}.",
)
# Single words that are shown: heads of tables, states, stages of the doctor, and who speaks.
WORDS = (
    *("stage", "result", "seconds", "waited", "who", "client", "server", "note", "encrypted"),
    *("passed", "warned", "failed", "skipped", "warning", "name", "address", "greeting"),
    *("certificate", "ehlo again", "others", "token", "send", "trust", "date", "strength"),
    *("accepted", "refused", "unknown", "unsent", "partly", "Limits", "Encryption", "answers"),
    *("Where the time went", "The dialogue", "What was seen", "Dates to know"),
    *("none", "nothing", "offered", "yes", "no", "connect", "opened", "read", "written"),
)
_MOST = 24  # sentences that one expression may stand for; more is a loop, not a choice


def sentences(house: Path) -> set[str]:
    """All of them, in the modules of *house*."""
    found: set[str] = set()
    for path in sorted(house.rglob("*.py")):
        name = path.relative_to(house).as_posix()
        if name.partition("/")[0] in ROOMS or name in WHOLE:
            found |= set(_of_module(path, name))
    return found | {*WORDS, *WORDLESS, *AROUND, *LIBRARIES}


def _of_module(path: Path, name: str) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outside = _assigned(tree.body)
    for scope, body in _scopes(tree):
        names = outside | _assigned(ast.walk(scope)) if body else outside
        for node in body:
            if isinstance(node, ast.Call):
                yield from _of_call(node, names)
            if isinstance(node, ast.Return) and getattr(scope, "name", "") in GIVEN_BACK:
                given = [part for part in _expressions(node) if isinstance(part, ast.expr)]
                texts = [text for part in given for text in _texts(part, names)]
                yield from (text for text in texts if _is_shown(text) and " " in text)
            if name in WHOLE and isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
                texts = [t for text in _texts(node, names) for t in _one_by_one(text)]
                yield from (text for text in texts if _is_shown(text) and " " in text)
            if name in WITH_FACTS and getattr(scope, "name", "to_dict") != "to_dict":
                yield from filter(_has_words, _names_of_facts(node))


def _scopes(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Each function, and what stands outside of any, with the expressions in it."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for function in functions:
        yield function, list(_expressions(function))
    yield tree, list(_expressions(tree))


def _expressions(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in *scope*, not in functions inside it; docstrings are left out."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef):
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        yield child
        # What is put into a text, and what a text is made of, is no text of its own.
        if not isinstance(child, ast.JoinedStr):
            yield from _expressions(child)


def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """What is put under each name."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(one, ast.Name):
                            found.setdefault(one.id, []).append(value)
    return found


def _of_call(call: ast.Call, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    called = (
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    )
    if called == "of" and not ast.unparse(call.func).split(".")[0].endswith("Error"):
        return
    note = called == "add" and ast.unparse(call).partition("add(")[2].startswith("'*'")
    for place in (1,) if note else PLACES.get(called) or HANDED_ON.get(called, ()):
        for argument in call.args[place : place + 1]:
            for text in _texts(argument, names):
                # A problem and its fix are told one by one.
                parts = text.split("; ") if called == "ValueError" else _one_by_one(text)
                yield from filter(_is_shown, parts)


def _texts(node: ast.expr, names: dict[str, list[ast.expr]], deep: int = 0) -> list[str]:
    """The texts that *node* may be, with a gap for each value in it; none where it is no text."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        found = _joined([_pieces(part, names, deep) for part in node.values])
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_texts(side, names, deep) for side in (node.left, node.right)]
        found = _joined([side or ["{more}"] for side in sides]) if any(sides) else []
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        found = ["", *_texts(node.left, names, deep)]
    elif isinstance(node, ast.BoolOp) and not deep:
        found = [text for value in node.values for text in _texts(value, names, deep)]
    elif isinstance(node, ast.IfExp):
        found = _texts(node.body, names, deep) + _texts(node.orelse, names, deep)
    elif isinstance(node, ast.Name) and deep < 4:
        values = names.get(node.id, [])
        found = [text for value in values for text in _texts(value, names, deep + 1)]
        found = found if len(values) < 6 else []
    else:
        found = []
    return list(dict.fromkeys(found))[:_MOST]


def _pieces(part: ast.expr, names: dict[str, list[ast.expr]], deep: int) -> list[str]:
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    assert isinstance(part, ast.FormattedValue)
    value = part.value
    if part.conversion == -1 and part.format_spec is None:
        inside = _texts(value, names, deep + 1)
        if isinstance(value, ast.IfExp | ast.BinOp) or (inside and isinstance(value, ast.Name)):
            sides = names[value.id] if isinstance(value, ast.Name) else [value]
            sides = [value.body, value.orelse] if isinstance(value, ast.IfExp) else sides
            of = value if isinstance(value, ast.Name) else None
            gaps = [f"{{{_called(of or s)}}}" for s in sides if not _texts(s, names, deep + 1)]
            return inside + gaps
    return [f"{{{_called(value)}}}"]


def _called(value: ast.expr) -> str:
    """A name for the gap that *value* fills."""
    if isinstance(value, ast.Name):
        return value.id.strip("_").lower()
    if isinstance(value, ast.Attribute):
        return "kind" if value.attr == "__name__" else value.attr.strip("_")
    if isinstance(value, ast.Subscript):
        return _called(value.slice if isinstance(value.slice, ast.Name) else value.value)
    if isinstance(value, ast.Call):
        if isinstance(value.func, ast.Attribute) and value.func.attr == "join":
            return "list"
        inner = value.args[0] if value.args else value.func
        return _called(inner)
    return "value"


def _joined(pieces: list[list[str]]) -> list[str]:
    made = ("".join(each) for each in itertools.product(*pieces))
    return [_numbered(text) for text in itertools.islice(made, _MOST)]


def _numbered(text: str) -> str:
    """*text*, in which no two gaps have one name."""
    seen: dict[str, int] = {}

    def name(gap: re.Match[str]) -> str:
        base = gap[1].rstrip("0123456789") or "value"
        seen[base] = seen.get(base, 0) + 1
        return f"{{{base}{seen[base] if seen[base] > 1 else ''}}}"

    return re.sub(r"\{(\w+)\}", name, text)


def _names_of_facts(node: ast.AST) -> Iterator[str]:
    """What is called a fact in a table: the keys of ``facts[...]`` and of literal tables."""
    keys: list[ast.expr | None] = []
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("facts"):
        keys = [node.slice]
    elif isinstance(node, ast.Dict) and all(isinstance(k, ast.Constant) for k in node.keys):
        keys = list(node.keys)
    yield from (k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str))


def _one_by_one(text: str) -> list[str]:
    """The sentences of *text*, which are told one by one."""
    return re.split(r"(?<=[.?!]) (?![.])", text.lstrip())


def _is_shown(text: str) -> bool:
    """Whether *text* is something a person reads, not a part of a query, a pattern or a page."""
    if text != text.strip() or not _has_words(text):
        return False
    if re.fullmatch(r"\{\w+\} (is|are) \{\w+\}", text):  # fits nearly anything
        return False
    if re.search(r"</|<b>|style=|padding:|\\[a-z]|[:\n]$|\n\n", text):
        return False
    return not re.match(
        r"<(?!\{name\}> )|[\[^;,.←→·\\]|RFC |(AND|OR) (?!has|needs)|(GROUP|SELECT|DELETE|INSERT|CREATE) ",
        text,
    )


def _has_words(text: str) -> bool:
    """Whether there is anything to translate between the gaps."""
    return re.search(r"[a-z]{2}", re.sub(r"\{\w+\}", "", text)) is not None
