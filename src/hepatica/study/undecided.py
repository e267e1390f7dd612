"""Why a claim is undecided after the data: which parameters would decide it, and whether the data know these."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hepatica.analysis import rank_correlation
from hepatica.claims import Claim, Verdict, hold_together
from hepatica.ensemble import Ensemble

LEAST, FALSE_DISCOVERY = 0.15, 0.05
"""Rank correlation, and its false discovery rate, from which and up to which a parameter counts as one that decides."""
MOST = 3
"""Parameters that are named for a claim."""
COLUMNS = ("claim", "cell_line", "parameter", "rho", "q", "width")


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
        claim, cell_line, parameter; ``rho``, the rank correlation of the parameter with the claim's holding in a draw; ``q``, its false
        discovery rate; ``width``, the standard deviation after the data over that before (of the logarithm of a positive
        parameter). The strongest first. An undecided claim that no parameter clearly decides has one row without parameter.
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
        rows += [
            {"claim": verdict.claim, "cell_line": verdict.cell_line, "parameter": row["parameter"], "rho": row["rho"], "q": row["q"],
             "width": _width(row["parameter"], here, before)}
            for row in clear or [{"parameter": "", "rho": np.nan, "q": np.nan}]
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _width(name: str, ensemble: Ensemble, prior: Ensemble) -> float:
    """Standard deviation over that of the prior, of the logarithms where all are positive."""
    if name not in ensemble.parameters or name not in prior.parameters:
        return float("nan")
    after, before = (e.draws.sel(parameter=name).values for e in (ensemble, prior))
    if min(after.min(), before.min()) > 0.0:
        after, before = np.log(after), np.log(before)
    return float(after.std() / before.std()) if before.std() > 0.0 else float("nan")
