"""Files beside the text: their bytes and their type, by what they are called."""

from __future__ import annotations

import io
import mimetypes
import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from email.message import EmailMessage
from functools import partial
from numbers import Real
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from smtp_lab.compose.content import bytes_of, check_file_name, is_figure
from smtp_lab.compose.figures import check_fits, figure_file
from smtp_lab.compose.flat import flat, is_frame
from smtp_lab.compose.trouble import reason_of
from smtp_lab.errors import InputError
from smtp_lab.formulas import guarded_for_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("attach", "check_files")

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PARQUET = "application/vnd.apache.parquet"
_TYPES = {
    ".csv": "text/csv",
    ".ics": "text/calendar",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": _PARQUET,
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".xlsx": _XLSX,
}
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SHEET_ROWS, _SHEET_COLUMNS, _SHEET_CELL = 1_048_576, 16_384, 32_767  # Excel's own limits


def check_files(attachments: Any) -> Mapping[str, Any]:
    """Give *attachments* back when they are contents by file name.

    Raises:
        InputError: They are something else, or a name is none.
    """
    if not isinstance(attachments, Mapping):
        fix = 'give them by name: {"sales.csv": frame}'
        raise InputError.of("attachments", f"is a {type(attachments).__name__}", fix)
    for name in attachments:
        check_file_name("attachments", name)
    return attachments


def attach(message: EmailMessage, name: str, content: Any) -> None:
    """Add *content* to *message* as a file that the recipient sees as *name*.

    A DataFrame or a Series is written as the name says: ``.csv``, ``.tsv``, ``.xlsx``,
    ``.parquet`` or ``.json``, an index in columns where it is more than row numbers. Texts that
    a spreadsheet would run as formulas are kept from it. A figure is drawn as the name says, too.

    Raises:
        InputError: It cannot be written.
    """
    check_file_name("attachments", name)
    field = f"attachments[{name!r}]"
    main, sub = _type_of(name)
    if is_frame(content):
        data = _written(field, PurePath(name).suffix.lower(), flat(content))
    elif is_figure(content):
        data, kind = figure_file(field, name, content)
        main, _, sub = kind.partition("/")
    elif isinstance(content, str) and main == "text":
        bytes_of(field, content)
        # No line of a mail may hold a NUL (RFC 5321 section 4.5.2 with RFC 5322 section 2.3).
        how = "base64" if "\0" in content else None
        message.add_attachment(content, subtype=sub, filename=name, cte=how)
        return
    else:
        data = bytes_of(field, content)
        check_fits(field, name, data)
    message.add_attachment(data, main, sub, filename=name)
    if (main, sub) == ("text", "csv"):
        part = message.get_payload(-1)
        assert isinstance(part, EmailMessage)  # noqa: S101  # it was added a line above
        if not isinstance(content, bytes | bytearray | memoryview) and _is_utf8(data):
            part.set_param("charset", "utf-8")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _type_of(name: str) -> tuple[str, str]:
    kind = _TYPES.get(PurePath(name).suffix.lower())
    if kind is None:
        kind, packed = mimetypes.guess_type(name)
        if not kind or packed or kind.startswith(("message/", "multipart/")):
            # What is packed is no longer the kind inside; a whole mail may not be base64
            # (RFC 2046 section 5.2.1).
            kind = "application/octet-stream"
    main, _, sub = kind.partition("/")
    return main, sub


def _written(field: str, suffix: str, frame: pd.DataFrame) -> bytes:
    writers = {
        ".csv": lambda: _csv(frame, ","),
        ".tsv": lambda: _csv(frame, "\t"),
        ".xlsx": lambda: _xlsx(field, frame),
        ".parquet": lambda: _parquet(frame),
        ".json": lambda: str(frame.to_json(orient="records", date_format="iso")).encode(),
    }
    if suffix not in writers:
        fix = f"end the name with {', '.join(writers)}, or give bytes"
        raise InputError.of(field, f"a DataFrame is not written as {suffix or 'that'}", fix)
    try:
        return writers[suffix]()
    except ImportError as error:
        raise InputError.of(
            field, f"needs a package that is not installed ({error.name})", "install it"
        ) from None
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # of pandas and what it writes with
        raise InputError.of(
            field, f"the DataFrame cannot be written ({reason_of(error)})", "look at its columns"
        ) from None


def _csv(frame: pd.DataFrame, sign: str) -> bytes:
    safe = frame.map(partial(_no_formula, sign))
    safe.columns = [_no_formula(sign, name) for name in frame.columns]
    text: str = safe.to_csv(index=False, sep=sign, lineterminator="\r\n")  # RFC 4180
    return text.encode()


def _no_formula(separator: str, value: Any) -> Any:
    """A text with an apostrophe before what would be run as a formula; else as it is."""
    if not isinstance(value, Collection):
        return value
    # The text of an enum's member is its value, as pandas writes it, not what it shows as.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    return guarded_for_csv(text, separator)


def _xlsx(field: str, frame: pd.DataFrame) -> bytes:
    """A workbook in which every text is a text, never a formula or a link."""
    import pandas as pd
    import xlsxwriter

    if len(frame) >= _SHEET_ROWS or len(frame.columns) > _SHEET_COLUMNS:
        problem = f"has {len(frame):,} rows and {len(frame.columns):,} columns"
        raise InputError.of(field, f"{problem}, more than a sheet holds", "attach it as .parquet")
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    options |= {"strings_to_numbers": False, "remove_timezone": True}
    book = xlsxwriter.Workbook(file, options)
    # Written again, it is the same file again: a journal knows a message by its content.
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    sheet = book.add_worksheet("Data")
    bold = book.add_format({"bold": True, "bottom": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for at, name in enumerate(frame.columns):
        sheet.write_string(0, at, _for_sheet(name), bold)
        column = frame.iloc[:, at]
        widest = len(str(name))
        for row, value in enumerate(column.astype(object), 1):
            if pd.api.types.is_scalar(value) and pd.isna(value):
                continue
            _put(sheet, row, at, value, (day, moment))
            widest = max(widest, len(str(value)) if row < 200 else 0)
        sheet.set_column(at, at, min(60, widest + 2))
    sheet.freeze_panes(1, 0)
    book.close()
    return file.getvalue()


def _put(sheet: Any, row: int, column: int, value: Any, forms: tuple[Any, Any]) -> None:
    if hasattr(value, "item") and type(value).__module__ == "numpy":
        value = value.tolist()  # an array is a list, too
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, date) and value.year >= 1900:  # a sheet counts the days from there
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        form = forms[isinstance(value, datetime)]
        sheet.write_datetime(row, column, moment.replace(tzinfo=None), form)
    elif isinstance(value, Real | Decimal) and abs(float(value)) < 1e15:  # and keeps 15 digits
        sheet.write_number(row, column, float(value))
    else:
        sheet.write_string(row, column, _for_sheet(value))


def _for_sheet(value: Any) -> str:
    return _CONTROLS.sub("\ufffd", str(value))[:_SHEET_CELL]


def _parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()
