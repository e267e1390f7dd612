"""Why a claim is undecided after the data: which parameters would decide it, and whether the data know these."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.analysis import rank_correlation
from hepatica.claims import Claim, Verdict, hold_together
from hepatica.ensemble import PRIOR_SD, Ensemble

LEAST, FALSE_DISCOVERY = 0.15, 0.05
"""Rank correlation, and its false discovery rate, from which and up to which a parameter counts as one that decides."""
MOST = 3
"""Parameters that are named for a claim."""
WIDE = 0.8
"""Width after the data, over that before, from which on they do not determine a parameter."""
LACKING, NARROWED = "data are lacking", "data narrow what it depends on, not enough"
MANY, UNKNOWN = "no parameter by itself decides it", "how wide its parameters were before the data is not known"
COLUMNS = ("claim", "cell_line", "why", "parameter", "rho", "q", "width")


def decisive_parameters(
    claims: Sequence[Claim], verdicts: Sequence[Verdict], readouts: Mapping[str, Mapping[str, xr.DataArray]], ensemble: Ensemble,
    prior: Ensemble,
) -> pd.DataFrame:  # fmt: skip
    """Tell what the undecided claims depend on most, and how far the data have narrowed it.

    Parameters
    ----------
    claims, verdicts, readouts, ensemble
        Of a study on draws of a posterior.
    prior
        The draws of the prior that the same study believes.

    Returns
    -------
    pandas.DataFrame
        claim, cell_line; ``why`` it is undecided: data are lacking where most of the squared correlation belongs to parameters that they
        do not determine; parameter; ``rho``, the rank correlation of the parameter with the claim's holding in a draw; ``q``, its false
        discovery rate; ``width``, the standard deviation after the data over that before (of the logarithm of a positive parameter).
        The strongest first. An undecided claim that no parameter clearly decides has one row without parameter.
    """
    of = {claim.id: claim for claim in claims}
    rows = []
    for verdict in verdicts:
        if verdict.contrast != "all" or verdict.outcome != "undecided" or not verdict.n:
            continue
        held = hold_together(of[verdict.claim], readouts)[verdict.cell_line]
        held = (held == 1.0).astype(float).where(held.notnull()).reset_coords(drop=True)
        here, before = ensemble.in_line(verdict.cell_line), prior.in_line(verdict.cell_line)
        table = rank_correlation(here, held)
        clear = table[(table["rho"].abs() >= LEAST) & (table["q"] < FALSE_DISCOVERY)].head(MOST).to_dict("records")
        for row in clear:
            row["width"] = _width(row["parameter"], here, before)
        rows += [
            row | {"claim": verdict.claim, "cell_line": verdict.cell_line, "why": _why(clear)}
            for row in clear or [{"parameter": "", "rho": np.nan, "q": np.nan, "width": np.nan}]
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _why(clear: Sequence[Mapping[Hashable, Any]]) -> str:
    """Say why, by the parameters whose width is known."""
    squares = [(row["rho"] ** 2, row["width"] < WIDE) for row in clear if np.isfinite(row["width"])]
    if not squares:
        return UNKNOWN if clear else MANY
    return LACKING if sum(s for s, narrow in squares if narrow) < 0.5 * sum(s for s, _ in squares) else NARROWED


def _width(name: str, ensemble: Ensemble, prior: Ensemble) -> float:
    """Standard deviation over that before the data, of the logarithm of what is positive."""
    draws = ensemble.draws.sel(parameter=name)
    before = float(draws.coords[PRIOR_SD]) if PRIOR_SD in draws.coords else float("nan")
    if not np.isfinite(before) and name in prior.parameters:
        before = _spread(prior.draws.sel(parameter=name).values)
    return _spread(draws.values) / before if before > 0.0 else float("nan")


def _spread(values: NDArray[np.float64]) -> float:
    return float((np.log(values) if values.min() > 0.0 else values).std())
