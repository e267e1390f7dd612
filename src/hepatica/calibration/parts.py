"""What the parts of a calibration are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepatica.inference.formula import read_formula
from hepatica.inference.problem import Estimate, Observable, Prior, Trial
from hepatica.library import load_measurements
from hepatica.model import Apply, Expression, Number, Symbol

WIDE = 4.0
"""Standard deviations from the centre to a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One measurement: what was done, what was read when (min), and what came out.

    ``group`` is the data set that it is left out with; ``censored`` is 1 where the true value is at or above the given one.
    """

    trial: Trial
    observable: Observable
    time: float
    value: float
    group: str
    role: str
    censored: int = 0


def spread(name: str, centre: float, sd: float, wide: float = WIDE) -> Estimate:
    """Give a positive parameter with a log-normal prior: its median and the standard deviation of its natural logarithm."""
    low, high = centre * np.exp(-wide * sd), centre * np.exp(wide * sd)
    prior = Prior(distribution="normal", arguments=(float(np.log(centre)), sd), on_scale=True)
    return Estimate(
        id=name, scale="log", lower=float(low), upper=float(high), nominal=centre, prior=prior, start_prior=prior
    )


def rows(table: str) -> list[dict[str, Any]]:
    """Give the rows of one of the library's tables of measurements."""
    return [{str(k): v for k, v in row.items()} for row in load_measurements(table).to_dict("records")]


def formula(text: str) -> Expression:
    """Read a formula of this package."""
    return read_formula(text, "calibration")


def times(factor: float, name: str) -> Expression:
    """Give a parameter times a number."""
    return Symbol(name) if factor == 1.0 else Apply("*", (Number(factor), Symbol(name)))


def different(names: Iterable[str]) -> dict[str, str]:
    """Give identifiers for names."""
    return {n: "".join(c if c.isalnum() and c.isascii() else "_" for c in n) for n in names}
