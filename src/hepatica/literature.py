"""Numbers of the literature beside what a study predicts of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from hepatica.claims import Comparison, ComparisonRecord, Readouts, contrast_effect
from hepatica.errors import FormatError, NotFoundError, did_you_mean
from hepatica.library import load_measurements
from hepatica.library.files import Record, read_record

TABLE = "literature_checks"
PERCENT = "% of control"
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
COLUMNS = (
    "check", "text", "cell_line", "system", "unit", "measured", "sd", "q05", "q25", "median", "q75", "q95", "within", "n", "left_out",
    "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteratureCheck:
    """A number that was measured somewhere, and the comparison of a study that predicts it.

    Parameters
    ----------
    comparison
        What is taken from the readouts.
    text
        What it is, in words.
    measured
        Ids of rows of the library's table ``literature_checks``; a percentage of the control is taken as a ratio.
    over
        Id of a row that each of them is divided by; empty for none.
    note
        Why the two may differ.
    sources
        Keys of the literature record.
    """

    comparison: Comparison
    text: str
    measured: tuple[str, ...]
    over: str = ""
    note: str = ""
    sources: tuple[str, ...] = ()


class _CheckRecord(ComparisonRecord):
    text: Annotated[str, Field(min_length=1)]
    measured: Annotated[list[str], Field(min_length=1)]
    over: str = ""
    note: str = ""


class _ChecksRecord(Record):
    check: Annotated[list[_CheckRecord], Field(min_length=1)]


def read_checks(path: str | Path) -> tuple[LiteratureCheck, ...]:
    """Read a ``literature.toml``.

    Parameters
    ----------
    path
        File with ``[[check]]`` blocks.

    Returns
    -------
    tuple of LiteratureCheck
        In the order of the file.

    Raises
    ------
    StorageError
        When the file cannot be read.
    FormatError
        When it is not TOML, or a key is missing, unknown or of the wrong kind.
    NotFoundError
        When the library's table has no such row.
    """
    records = read_record(Path(path), _ChecksRecord).check
    ids = [record.id for record in records]
    known = _table().index
    for record in records:
        if ids.count(record.id) > 1:
            raise FormatError(f"{path}: two checks have the id '{record.id}'; give each its own.")
        for row in (*record.measured, *filter(None, [record.over])):
            if row not in known:
                raise NotFoundError(
                    f"{path}: check '{record.id}': '{TABLE}' has no row '{row}'.{did_you_mean(row, list(known))}"
                )
    return tuple(_check(record) for record in records)


def _check(record: _CheckRecord) -> LiteratureCheck:
    fields = dict(record)
    own = {name: fields.pop(name) for name in ("text", "over", "note")}
    measured = tuple(fields.pop("measured"))
    minus = None if record.minus is None else (record.minus[0], record.minus[1])
    comparison = Comparison(**fields | {"minus": minus, "cell_lines": tuple(record.cell_lines)})
    sources = tuple(dict.fromkeys(_table()["source"][list(measured)]))
    return LiteratureCheck(comparison=comparison, measured=measured, sources=sources, **own)


def compare_with_literature(
    checks: Sequence[LiteratureCheck], readouts: Readouts, weights: xr.DataArray | None = None, *, seed: int = 1
) -> pd.DataFrame:
    """Put measured numbers beside predictions.

    Parameters
    ----------
    checks
        From :func:`read_checks`.
    readouts, weights
        As for :func:`~hepatica.claims.evaluate_claims`.
    seed
        Of the noise of measurement.

    Returns
    -------
    pandas.DataFrame
        One row for each check, cell line of the model and measured number: ``check``, ``text``, ``cell_line``; ``system``, in which it was
        measured; ``unit`` (1 for a ratio); ``measured`` and its ``sd``, NaN where none was published; quantiles of the prediction, with
        log-normal noise of the coefficient of variation sd / measured; ``within``, the narrowest of the predicted intervals that holds
        what was measured, ``50 %`` or ``90 %``, else ``below`` or ``above`` them; ``n`` draws and those ``left_out``, where a simulation
        failed; ``source``.

    Raises
    ------
    NotFoundError
        When a check names an experiment, readout, arm, cell line, band or time that there is not.
    """
    table = _table()
    rows: list[dict[str, object]] = []
    for check in checks:
        for line in check.comparison.cell_lines:
            effect = contrast_effect(check.comparison, line, readouts)
            known = effect.notnull().values
            weight = np.ones(effect.size) if weights is None else weights.sel(draw=effect["draw"]).values.astype(float)
            for name in check.measured:
                value, sd, unit = _measured(table, name, check.over)
                noise = np.random.default_rng([seed, len(rows)]).standard_normal(int(known.sum()))
                drawn = effect.values[known] * np.exp(noise * sd / value if np.isfinite(sd) else 0.0)
                spread = _quantiles(drawn, weight[known])
                rows.append(
                    {
                        "check": check.comparison.id, "text": check.text, "cell_line": line, "system": table.loc[name, "system"],
                        "unit": unit, "measured": value, "sd": sd, "within": _within(value, spread), "n": int(known.sum()),
                        "left_out": int((~known).sum()), "source": table.loc[name, "source"],
                    } | dict(zip(("q05", "q25", "median", "q75", "q95"), spread.tolist(), strict=True))
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def beside(table: pd.DataFrame, prior: pd.DataFrame) -> pd.DataFrame:
    """Give a comparison with that of the prior's draws in columns that begin with ``prior_``."""
    columns = ["q05", "q25", "median", "q75", "q95", "within"]
    return table.assign(**{f"prior_{name}": prior[name].to_numpy() for name in columns})


def _table() -> pd.DataFrame:
    return load_measurements(TABLE).set_index("id")


def _measured(table: pd.DataFrame, name: str, over: str) -> tuple[float, float, str]:
    """Give value, standard deviation and unit of a row, or of the ratio of two."""
    value, sd, unit = float(table["value"][name]), float(table["sd"][name]), str(table["unit"][name])
    if over:
        under, its = float(table["value"][over]), float(table["sd"][over])
        return value / under, float(np.hypot(sd / value, its / under)) * value / under, "1"
    return (0.01 * value, 0.01 * sd, "1") if unit == PERCENT else (value, sd, unit)


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if not values.size or weights.sum() <= 0.0:
        return np.full(len(LEVELS), np.nan)
    return np.quantile(values, LEVELS, weights=weights, method="inverted_cdf")


def _within(value: float, spread: NDArray[np.float64]) -> str:
    low, inner, _, outer, high = spread
    if np.isnan(low):
        return "unknown"
    if inner <= value <= outer:
        return "50 %"
    if low <= value <= high:
        return "90 %"
    return "below" if value < low else "above"
