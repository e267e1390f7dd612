"""The parameter table of a model: PEtab's columns, and unit, basis, source and note."""

import math
from collections.abc import Mapping

from hepatica.errors import FormatError, InputError, did_you_mean
from hepatica.evidence import BASES, Source, find_source
from hepatica.library.files import Place, place_name, read_text
from hepatica.model import Model

COLUMNS = (
    "parameterId", "parameterName", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
    "objectivePriorType", "objectivePriorParameters", "unit", "basis", "source", "note",
)  # fmt: skip
SCALES = ("lin", "log", "log10")
_NEEDED = ("parameterId", "parameterScale", "nominalValue", "unit", "basis", "source")


def read_table(place: Place, sources: tuple[Source, ...]) -> tuple[dict[str, str], ...]:
    """Read a parameter table as rows of text.

    Parameters
    ----------
    place
        Tab-separated file with exactly the columns of :data:`COLUMNS`, one row a line.
    sources
        The literature record; every row's source must be one of its keys.

    Returns
    -------
    tuple of dict
        ``{column: cell}`` for each row; row ``i`` stands in line ``i + 2``.

    Raises
    ------
    FormatError
        When the header or a row is not as it should be; with file and line.
    """
    name = place_name(place)
    header, *lines = read_text(place).rstrip("\n").split("\n")
    columns = header.rstrip("\r").split("\t")
    if tuple(columns) != COLUMNS:
        raise FormatError(f"{name}:1: {_header_fault(columns)}")
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(COLUMNS):
            raise FormatError(f"{name}:{number}: {len(cells)} cells; expected {len(COLUMNS)}, separated by tabs.")
        row = dict(zip(COLUMNS, cells, strict=True))
        try:
            _check_row(row, sources)
        except InputError as error:
            raise FormatError(f"{name}:{number}: {error}") from error
        rows.append(row)
    return tuple(rows)


def _header_fault(columns: list[str]) -> str:
    for column in columns:
        if column not in COLUMNS:
            return f"unknown column '{column}'.{did_you_mean(column, COLUMNS)}"
    missing = [c for c in COLUMNS if c not in columns]
    if missing:
        return f"the column '{missing[0]}' is missing; expected {', '.join(COLUMNS)}."
    return f"the columns are in another order or repeated; expected {', '.join(COLUMNS)}."


def _check_row(row: Mapping[str, str], sources: tuple[Source, ...]) -> None:
    """Check what the reader of numbers, units and priors (:func:`hepatica.sbml.assemble`) does not look at."""
    identity = row["parameterId"]
    for column in _NEEDED:
        if not row[column]:
            hint = "; write 'dimensionless' where there is none" if column == "unit" else "; fill the cell"
            raise FormatError(f"{identity or 'a parameter without id'} has no {column}{hint}.")
    if row["parameterScale"] not in SCALES:
        raise FormatError(f"{identity}: parameterScale is '{row['parameterScale']}'; expected {', '.join(SCALES)}.")
    if row["basis"] not in BASES:
        near = did_you_mean(row["basis"], BASES)
        raise FormatError(f"{identity}: the basis '{row['basis']}' is none of {', '.join(BASES)}.{near}")
    find_source(row["source"], sources)
    if row["estimate"] not in {"0", "1"}:
        raise FormatError(f"{identity}: estimate is '{row['estimate']}'; expected 0 or 1.")
    if row["estimate"] == "1" and not row["objectivePriorType"]:
        raise FormatError(f"{identity}: estimate is 1 but there is no prior; give one, or set estimate to 0.")
    if row["estimate"] == "0" and row["objectivePriorType"]:
        raise FormatError(f"{identity}: estimate is 0 but there is a prior; remove it, or set estimate to 1.")


def check_values(model: Model) -> None:
    """Raise :class:`FormatError` when a value is not within its bounds, or a prior has no spread."""
    for parameter in model.parameters:
        where = f"{model.where(parameter.id)}{parameter.id}: "
        if parameter.bounds is not None:
            low, high = parameter.bounds
            if not low <= parameter.value <= high:
                raise FormatError(f"{where}the value {parameter.value:g} is not within its bounds {low:g} to {high:g}.")
        if parameter.prior is not None:
            first, second = parameter.prior.arguments
            spread = second - first if parameter.prior.distribution == "uniform" else second
            if not (math.isfinite(first) and math.isfinite(second) and spread > 0):
                kind = "lower below upper" if parameter.prior.distribution == "uniform" else "a spread above zero"
                raise FormatError(f"{where}the prior has '{first:g};{second:g}'; expected {kind}.")
