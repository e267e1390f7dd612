"""Measurements of the library: tables of numbers with unit, role and source, checked when they are read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pandas as pd
from pydantic import Field

from hepatica.errors import FormatError, InputError, NotFoundError, did_you_mean
from hepatica.evidence import Source, find_source
from hepatica.library.files import Record, library_root, place_name, read_record, read_text
from hepatica.library.load import load_sources

_FOLDER = "measurements"
_NEEDED = ("role", "basis", "source")


class ColumnRecord(Record):
    """One ``[columns.NAME]``."""

    kind: Literal["text", "number"] = "text"
    unit: str = ""
    meaning: str = Field(min_length=1)
    choices: list[str] = Field(default_factory=list[str])
    optional: bool = False


class TableRecord(Record):
    """One ``[[tables]]``."""

    id: str = Field(min_length=1)
    name: str
    text: str
    left_out: str


class TablesRecord(Record):
    """``measurements/tables.toml``."""

    columns: dict[str, ColumnRecord]
    tables: list[TableRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementColumn:
    """One column of a table of measurements: its meaning, and its unit where it holds numbers."""

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What a table of measurements holds.

    Parameters
    ----------
    id, name, text
        Name to load it by, title, and what was measured.
    left_out
        What the source has and the table does not, and why.
    columns
        In the order of the table.
    rows
        How many.
    roles
        Rows of each role: ``fit``, ``held-out``, ``check``.
    sources
        The literature that the rows rest on.
    """

    id: str
    name: str
    text: str
    left_out: str
    columns: tuple[MeasurementColumn, ...]
    rows: int
    roles: Mapping[str, int]
    sources: tuple[Source, ...]


def list_measurements() -> tuple[str, ...]:
    """Give the names of the library's tables of measurements."""
    return tuple(_tables())


def load_measurements(name: str) -> pd.DataFrame:
    """Give a table of measurements.

    Parameters
    ----------
    name
        One of :func:`list_measurements`.

    Returns
    -------
    pandas.DataFrame
        One row for each value; a column of numbers is float, its unit stands in its name or in the column ``unit``; empty
        cells are NaN. Every row has a role (``fit``, ``held-out``, ``check``), a basis and the key of its source.

    Raises
    ------
    NotFoundError
        When the library has no such table.
    FormatError
        When a cell is not what its column should hold; with file and line.

    Examples
    --------
    >>> load_measurements("doubling_times")["doubling_time_h"].tolist()
    [40.7, 44.4]
    """
    return _read(_known(name)).copy()


def describe_measurements(name: str) -> Measurements:
    """Give what a table of measurements holds: its columns, roles and sources, and what was left out.

    Raises
    ------
    NotFoundError
        When the library has no such table.
    """
    record, table = _tables()[_known(name)], _read(name)
    columns = {c: _records().columns[c] for c in map(str, table)}
    return Measurements(
        id=record.id,
        name=record.name,
        text=record.text,
        left_out=record.left_out,
        columns=tuple(MeasurementColumn(name=c, meaning=r.meaning, unit=r.unit) for c, r in columns.items()),
        rows=len(table),
        roles={role: int(n) for role, n in table["role"].value_counts(sort=False).items() if isinstance(role, str)},
        sources=tuple(find_source(key, load_sources()) for key in dict.fromkeys(table["source"])),
    )


@cache
def _records() -> TablesRecord:
    return read_record(library_root() / _FOLDER / "tables.toml", TablesRecord)


def _tables() -> dict[str, TableRecord]:
    return {t.id: t for t in _records().tables}


def _known(name: str) -> str:
    known = list_measurements()
    if name not in known:
        raise NotFoundError(f"no measurements '{name}' in the library.{did_you_mean(name, known)}")
    return name


@cache
def _read(name: str) -> pd.DataFrame:
    place = library_root() / _FOLDER / f"{name}.tsv"
    where = place_name(place)
    header, *lines = read_text(place).rstrip("\n").split("\n")
    columns = _header(header.split("\t"), where)
    cells: dict[str, list[object]] = {column: [] for column in columns}
    for number, line in enumerate(lines, start=2):
        row = line.split("\t")
        try:
            if len(row) != len(columns):
                raise FormatError(f"{len(row)} cells; expected {len(columns)}, separated by tabs.")
            for (column, record), cell in zip(columns.items(), row, strict=True):
                cells[column].append(_value(column, record, cell))
            find_source(row[list(columns).index("source")], load_sources())
        except InputError as error:
            raise FormatError(f"{where}:{number}: {error}") from error
    return pd.DataFrame(cells).astype({c: float if r.kind == "number" else str for c, r in columns.items()})


def _header(names: list[str], where: str) -> dict[str, ColumnRecord]:
    known = _records().columns
    for name in names:
        if name not in known:
            raise FormatError(f"{where}:1: unknown column '{name}'.{did_you_mean(name, known)}")
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) < len(names):
        fault = f"the column '{missing[0]}' is missing" if missing else "a column stands there twice"
        raise FormatError(f"{where}:1: {fault}; expected every column once, among them {', '.join(_NEEDED)}.")
    return {name: known[name] for name in names}


def _value(column: str, record: ColumnRecord, cell: str) -> str | float:
    """Read one cell as what its column holds."""
    if not cell and not record.optional:
        raise FormatError(f"{column} is empty; fill the cell.")
    if record.choices and cell not in record.choices:
        near = did_you_mean(cell, record.choices)
        raise FormatError(f"{column} is '{cell}'; expected {', '.join(record.choices)}.{near}")
    if record.kind == "text":
        return cell
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError(f"{column} is '{cell}'; expected a number.")
    return value
