"""Training histories as CSV and JSON: what is written becomes a table."""

import csv
import io
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surefoot.advice.columns import recognise
from surefoot.advice.table import Column, Table
from surefoot.core.errors import DataError
from surefoot.core.language import Words

BINARY = "give the CSV or JSON file that holds the loss, or a TensorBoard event file (events.out.tfevents...)"


def parse(text: str, path: Path, _: Words) -> Table:
    """The table in a text, CSV or JSON as its first character tells.

    Raises DataError for text that is neither.
    """
    body = text.lstrip()
    if not body:
        raise DataError(f"{path} is empty", remedy="give a file with at least 4 values of the loss")
    return _json(text, path, _) if body[0] in "[{" else _csv(text, path)


def decode(raw: bytes, path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as spreadsheets and shells of Windows write it."""
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(f"{path} is not text", received=raw[:8].hex(" "), remedy=BINARY)
    return text


def _csv(text: str, path: Path) -> Table:
    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    head = next(lines)
    # The sniffer of the csv module fails on one column and on short files; the header settles it.
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(itertools.chain([head], lines), delimiter=delimiter)
    table = Table()
    try:
        names = [name.strip() for name in next(reader)]
        if all(_is_number(name) for name in names):
            raise DataError(
                f"{path} has no header",
                received=head.strip()[:80],
                remedy="name the columns in the first line: epoch,loss",
            )
        wanted = recognise(names).all
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise DataError(f"{path}: the column {twice[0]} stands there twice", remedy="give each column its own name")
        for row in reader:
            cells = dict(zip(names, row, strict=False))
            if len(row) <= len(names) and row != names:  # a header that comes again begins another run
                table.add(cells, f"line {reader.line_num}", [name for name in names if name in wanted])
            elif row != names:
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(row)} values under {len(names)} column names",
                    received=delimiter.join(row)[:80],
                    remedy="every line must have the header's columns",
                )
    except csv.Error as broken:
        raise DataError(f"{path} is no CSV that can be read: {broken}", remedy=BINARY) from None
    for name in names:
        table.columns.setdefault(name, Column())
    return table.finish()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json(text: str, path: Path, _: Words) -> Table:
    try:
        return _table(json.loads(text), path)
    except json.JSONDecodeError as broken:
        if broken.msg.startswith("Extra data") or path.suffix.lower() in (".jsonl", ".ndjson"):
            return _json_lines(text, path, _)
        raise _broken(path, broken.lineno, broken) from None
    except RecursionError:
        raise DataError(f"{path} is nested too deeply", remedy='give {"loss": [...]} or a list of records') from None


def _json_lines(text: str, path: Path, _: Words) -> Table:
    table = Table()
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    for number, line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError as broken:
            if number == lines[-1][0] and table.rows:
                table.notes.append(_("The last line, {number}, is cut short and left out.", number=number))
                break
            raise _broken(path, number, broken) from None
        if not isinstance(record, dict):
            raise DataError(
                f"{path}, line {number}: not a record", received=record, remedy='as in {"loss": 0.5, "step": 1}'
            )
        table.add(_flat(record), f"line {number}")
    return table.finish()


def _broken(path: Path, line: int, broken: json.JSONDecodeError) -> DataError:
    return DataError(f"{path} is no JSON that can be read: {broken.msg} in line {line}, column {broken.colno}")


def _table(found: Any, path: Path) -> Table:
    """Records, columns, or an object that holds either, as Keras, Transformers and pandas write them."""
    if isinstance(found, dict):
        for name in ("log_history", "history"):
            if isinstance(found.get(name), list | dict):
                return _table(found[name], path)
        return _columns(found, path)
    if found and all(isinstance(value, int | float) or value is None for value in found):
        return _columns({"loss": found}, path, epochs=False)
    table = Table()
    for number, record in enumerate(found, 1):
        if not isinstance(record, dict):
            raise DataError(
                f"{path}, row {number}: not a record", received=record, remedy='as in {"loss": 0.5, "step": 1}'
            )
        table.add(_flat(record), f"row {number}")
    return table.finish()


def _columns(found: dict[str, Any], path: Path, *, epochs: bool = True) -> Table:
    lists = {name: value for name, value in _flat(found, lists=True).items() if isinstance(value, list)}
    wanted = recognise(lists).all
    lengths = {name: len(value) for name, value in lists.items() if name in wanted}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(
            f"{path}: the lists are not equally long", received=said, remedy="give one value an epoch in each"
        )
    if not lists and recognise(_flat(found)).series:  # a single record
        return _table([found], path)
    table = Table(listed=True, epochs=epochs)
    for name, value in lists.items():
        column = table.columns.setdefault(name, Column())
        for number, cell in enumerate(value if name in wanted else [], 1):
            column.add(cell, f"row {number}")
    table.rows = max(lengths.values(), default=0)
    return table.finish()


def _flat(record: Mapping[str, Any], before: str = "", *, lists: bool = False) -> dict[str, Any]:
    """Nested objects with their names joined: {"train": {"loss": 1}} is {"train/loss": 1}.

    With `lists`, an object whose keys are row numbers, as pandas writes a column, becomes a list.
    """
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and lists and value and all(key.isdigit() for key in value):
            flat[before + name] = list(value.values())
        elif isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}/", lists=lists)
        else:
            flat[before + name] = value
    return flat
