"""Censored measurements in PEtab tables, as pyPESTO has them.

Source: https://pypesto.readthedocs.io/en/latest/example/censored_data.html (columns ``measurementType`` and ``censoringBounds``).
There they are fitted by surrogate data; here a censored measurement has the probability of what lies within its bounds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hepatica.errors import FormatError, UnsupportedError
from hepatica.inference.files import number

TYPE, BOUNDS = "measurementType", "censoringBounds"
NAMES: Mapping[int, str] = {1: "right-censored", -1: "left-censored", 2: "interval-censored"}
CODES: Mapping[str, int] = {name: code for code, name in NAMES.items()}
EXTENSION = "censored"
"""Of PEtab version 2: a problem that has it must not be read by what does not know these columns."""
PLAIN = frozenset({"", "relative"})
REFUSED = frozenset({"ordinal", "semiquantitative", "nonlinear_monotone"})
Array = NDArray[np.float64]


def measured(table: pd.DataFrame) -> tuple[Array, NDArray[np.int8] | None, Array | None]:
    """Give ``values``, ``censored`` and ``limits`` of a problem from its table of measurements.

    The column ``measurement`` is not read where one is censored.

    Raises
    ------
    UnsupportedError, FormatError
        When a type is not one that hepatica has, or bounds are missing or none.
    """
    rows = [row for _, row in table.iterrows()]
    values, codes, limits = np.empty(len(rows)), np.zeros(len(rows), np.int8), np.full(len(rows), np.nan)
    for k, row in enumerate(rows):
        kind, what = _cell(row, TYPE), f"measurement {k + 1}"
        if kind in PLAIN:
            values[k] = number(row["measurement"], f"{what}: the measurement")
            continue
        if kind in REFUSED:
            raise UnsupportedError(
                f"{what} is {kind}; hepatica reads measurements that are numbers, also censored ones."
            )
        if kind not in CODES:
            raise FormatError(f"{what}: the {TYPE} '{kind}' is none of {', '.join(CODES)}.")
        bounds = [b.strip() for b in _cell(row, BOUNDS).split(";")]
        if len(bounds) != (2 if kind == NAMES[2] else 1):
            raise FormatError(
                f"{what} is {kind} with the {BOUNDS} '{';'.join(bounds)}'; expected "
                f"{'two numbers, low;high' if kind == NAMES[2] else 'one number'}."
            )
        codes[k], values[k] = CODES[kind], number(bounds[0], f"{what}: the bound")
        limits[k] = number(bounds[1], f"{what}: the bound") if codes[k] == 2 else np.nan
    return values, codes if codes.any() else None, limits if (codes == 2).any() else None


def _cell(row: "pd.Series[Any]", column: str) -> str:
    value = row.get(column)
    return "" if value is None or pd.isna(value) else str(value).strip()
