"""The parameter table of a model: PEtab's columns, and unit, basis, source and note."""

import csv
import math
import re
from collections.abc import Mapping
from typing import Literal

from hepatica.errors import FormatError, InputError, did_you_mean
from hepatica.evidence import BASES, Evidence, Source, find_source
from hepatica.library.files import Place, place_name, read_text
from hepatica.model import Parameter, Prior
from hepatica.units import check_unit

COLUMNS = (
    "parameterId", "parameterName", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
    "objectivePriorType", "objectivePriorParameters", "unit", "basis", "source", "note",
)  # fmt: skip
PRIORS: tuple[Literal["log-normal", "uniform", "normal"], ...] = ("log-normal", "uniform", "normal")
SCALES = ("lin", "log", "log10")
_ID = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def read_parameters(place: Place, sources: tuple[Source, ...] = ()) -> tuple[tuple[Parameter, ...], dict[str, str]]:
    """Read a parameter table.

    Parameters
    ----------
    place
        Tab-separated file with exactly the columns of :data:`COLUMNS`.
    sources
        The literature record; every row's source must be one of its keys.

    Returns
    -------
    parameters : tuple of Parameter
        With unit, bounds, prior and evidence, in the order of the file.
    origin : dict
        ``{id: "file:line"}``.

    Raises
    ------
    FormatError
        When the header or a row is not as it should be; with file and line.
    """
    name = place_name(place)
    lines = read_text(place).splitlines()
    header = lines[0].split("\t") if lines else []
    if tuple(header) != COLUMNS:
        raise FormatError(f"{name}:1: {_header_fault(header)}")
    parameters: list[Parameter] = []
    origin: dict[str, str] = {}
    for number, cells in enumerate(csv.reader(lines[1:], delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{name}:{number}"
        if len(cells) != len(COLUMNS):
            raise FormatError(f"{where}: {len(cells)} cells; expected {len(COLUMNS)}, separated by tabs.")
        try:
            parameter = _parameter(dict(zip(COLUMNS, (c.strip() for c in cells), strict=True)), sources)
        except InputError as error:
            raise FormatError(f"{where}: {error}") from error
        if parameter.id in origin:
            raise FormatError(f"{where}: '{parameter.id}' stands already at {origin[parameter.id]}; keep one row.")
        origin[parameter.id] = where
        parameters.append(parameter)
    return tuple(parameters), origin


def _header_fault(header: list[str]) -> str:
    for column in header:
        if column not in COLUMNS:
            return f"unknown column '{column}'.{did_you_mean(column, COLUMNS)}"
    missing = [c for c in COLUMNS if c not in header]
    if missing:
        return f"the column '{missing[0]}' is missing; expected {', '.join(COLUMNS)}."
    return f"the columns are in another order or repeated; expected {', '.join(COLUMNS)}."


def _parameter(row: Mapping[str, str], sources: tuple[Source, ...]) -> Parameter:
    """Make a parameter of a row; errors are without file and line."""
    identity = row["parameterId"]
    if not _ID.fullmatch(identity):
        raise FormatError(f"'{identity}' is not an id; expected letters, digits and underscores, not a digit first.")
    if row["parameterScale"] not in SCALES:
        raise FormatError(f"{identity}: the scale '{row['parameterScale']}' is none of {', '.join(SCALES)}.")
    if not row["unit"]:
        raise FormatError(f"{identity} has no unit; write 'dimensionless' where there is none.")
    check_unit(row["unit"])
    if row["basis"] not in BASES:
        raise FormatError(
            f"{identity}: the basis '{row['basis']}' is none of {', '.join(BASES)}.{did_you_mean(row['basis'], BASES)}"
        )
    evidence = Evidence(basis=next(b for b in BASES if b == row["basis"]), source=row["source"], note=row["note"])
    if sources:
        find_source(evidence.source, sources)
    value = _number(identity, "nominalValue", row)
    bounds = _bounds(identity, value, row)
    return Parameter(
        id=identity,
        value=value,
        unit=row["unit"],
        name=row["parameterName"],
        prior=_prior(identity, row),
        bounds=bounds,
        evidence=evidence,
    )


def _number(identity: str, column: str, row: Mapping[str, str]) -> float:
    try:
        value = float(row[column])
    except ValueError as error:
        raise FormatError(f"{identity}: {column} is '{row[column]}'; expected a number.") from error
    if not math.isfinite(value):
        raise FormatError(f"{identity}: {column} is '{row[column]}'; expected a finite number.")
    return value


def _bounds(identity: str, value: float, row: Mapping[str, str]) -> tuple[float, float] | None:
    if not row["lowerBound"] and not row["upperBound"]:
        return None
    low, high = _number(identity, "lowerBound", row), _number(identity, "upperBound", row)
    if not low <= value <= high:
        raise FormatError(f"{identity}: the value {value:g} is not within its bounds {low:g} to {high:g}.")
    return low, high


def _prior(identity: str, row: Mapping[str, str]) -> Prior | None:
    kind, estimate = row["objectivePriorType"], row["estimate"]
    if estimate not in {"0", "1"}:
        raise FormatError(f"{identity}: estimate is '{estimate}'; expected 0 or 1.")
    if (estimate == "1") != bool(kind):
        told = "has no prior; give one" if estimate == "1" else f"has the prior '{kind}'; leave it empty"
        raise FormatError(f"{identity}: estimate is {estimate} but the row {told}, or change estimate.")
    if not kind:
        return None
    distribution = next((d for d in PRIORS if d == kind), None)
    if distribution is None:
        raise FormatError(f"{identity}: the prior '{kind}' is none of {', '.join(PRIORS)}.{did_you_mean(kind, PRIORS)}")
    parts = row["objectivePriorParameters"].split(";")
    try:
        first, second = (float(part) for part in parts)
    except ValueError as error:
        raise FormatError(
            f"{identity}: objectivePriorParameters is '{row['objectivePriorParameters']}'; expected two numbers, 'a;b'."
        ) from error
    if not (math.isfinite(first) and math.isfinite(second) and (second > first if kind == "uniform" else second > 0)):
        wish = "lower below upper" if kind == "uniform" else "a standard deviation above zero"
        raise FormatError(f"{identity}: the prior {kind} has '{first:g};{second:g}'; expected {wish}.")
    return Prior(distribution=distribution, arguments=(first, second))
