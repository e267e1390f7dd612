"""How well a posterior tells what was measured: fitted and held-out measurements against predictive intervals, with noise."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.calibration.read import Calibration
from hepatica.ensemble import Ensemble
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.predict import add_noise, simulate_all
from hepatica.inference.problem import Problem
from hepatica.solver import Tolerances

Array = NDArray[np.float64]

FEWEST, ODD = 4, 3.0
"""Measurements that a group needs to be judged, and how many standard errors its mean rank may be off."""


def compare(
    calibration: Calibration, chosen: xr.Dataset, ensemble: Ensemble, role: str, *, tolerances: Tolerances, threads: int = 1, seed: int = 1
) -> pd.DataFrame:  # fmt: skip
    """Compare every measurement of one role with what the draws predict for it, measurement noise included.

    Parameters
    ----------
    calibration
        Whose measurements.
    chosen, ensemble
        The same draws as the sampler sees them and as parameters of the model: what was not sampled comes from the ensemble.
    role
        ``fit`` or ``held-out``.
    tolerances, threads, seed
        Of the engine; of the noise.

    Returns
    -------
    pandas.DataFrame
        One row for each measurement: data_set, trial, observable, time, measured, and of the prediction ``q05``, ``q25``, ``q50``, ``q75``,
        ``q95``; ``rank``, the share of predictions below the measurement; for a lower bound ``beyond`` instead, the share above it;
        ``draws`` that could be simulated.
    """
    problem = calibration.of(role, wirings="estimated")
    likelihood = Likelihood(problem, tolerances=tolerances, threads=threads)
    points = _points(problem, chosen, ensemble)
    expected, sigma = simulate_all(likelihood, points)
    fine = np.isfinite(expected).all(axis=1)
    random = np.random.Generator(np.random.Philox(key=[seed, 2**41]))
    seen = add_noise(problem, expected[fine], sigma[fine], random)
    rows = calibration.rows(role)
    quantiles = (
        np.quantile(seen, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0) if len(seen) else np.full((5, len(rows)), np.nan)
    )
    table = {
        "data_set": calibration.groups[rows],
        "trial": [problem.trials[k].id for k in problem.trial],
        "observable": [problem.observables[k].id for k in problem.observable],
        "time": problem.times,
        "measured": problem.values,
    }
    table |= dict(zip(("q05", "q25", "q50", "q75", "q95"), quantiles, strict=True))
    below = (seen < problem.values).mean(axis=0) if len(seen) else np.full(len(rows), np.nan)
    bound = np.zeros(len(rows), bool) if problem.censored is None else problem.censored != 0
    table["rank"], table["beyond"] = np.where(bound, np.nan, below), np.where(bound, 1.0 - below, np.nan)
    table["draws"] = np.full(len(rows), len(seen))
    return pd.DataFrame(table)


def summarise(table: pd.DataFrame, by: str = "data_set") -> pd.DataFrame:
    """Give for each data set how many measurements lie in their 50 % and 90 % intervals, and how far off they are in the median.

    Parameters
    ----------
    table
        From :func:`compare`.
    by
        Column to group by.

    Returns
    -------
    pandas.DataFrame
        The column, ``n``, ``within_50``, ``within_90`` (shares), ``median_rank``; ``bounds``, how many are lower bounds, and
        ``beyond``, the share of predictions above them.
    """
    rows = []
    for name, part in table.groupby(by, sort=False):
        half = (part["rank"].dropna() - 0.5).abs()
        rows.append(
            {
                by: name, "n": len(half), "within_50": float((half <= 0.25).mean()), "within_90": float((half <= 0.45).mean()),
                "median_rank": float(part["rank"].median()), "bounds": int(part["beyond"].notna().sum()),
                "beyond": float(part["beyond"].mean()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def disagreements(table: pd.DataFrame) -> pd.DataFrame:
    """Give groups of measurements of one kind that lie systematically above or below their predictions.

    A group is of one observable and has one part of the trials' names in common: a cell line, a stimulus, an inhibitor. Where the model is
    right, ranks are uniform; a group counts where their mean is more than :data:`ODD` standard errors off 0.5, as if they were independent.
    What belongs to a group that is further off is not counted again.

    Parameters
    ----------
    table
        From :func:`compare`.

    Returns
    -------
    pandas.DataFrame
        data_set, observable; ``where``, the common part of the trials with ``*`` for the others; ``n``; ``median_rank``; ``factor``, the
        median of measured over predicted where all are positive; ``difference``, of measured minus predicted; ``score``, the standard
        errors. The furthest off first.
    """
    known = table[table["rank"].notna() & table["q50"].notna()]
    found = []
    for (data_set, observable), rows in known.groupby(["data_set", "observable"], sort=False):
        left = rows.assign(part=rows["trial"].str.split("|"))
        while len(odd := _odd(left)):
            score, where, group = odd[0]
            positive = bool((group[["measured", "q50"]] > 0.0).all(axis=None))
            found.append(
                {
                    "data_set": data_set, "observable": observable, "where": where, "n": len(group), "median_rank": group["rank"].median(),
                    "factor": (group["measured"] / group["q50"]).median() if positive else np.nan,
                    "difference": (group["measured"] - group["q50"]).median(), "score": score,
                }
            )  # fmt: skip
            left = left.drop(group.index)
    columns = ["data_set", "observable", "where", "n", "median_rank", "factor", "difference", "score"]
    return pd.DataFrame(found, columns=columns).sort_values("score", key=abs, ascending=False, ignore_index=True)


def _odd(rows: pd.DataFrame) -> list[tuple[float, str, pd.DataFrame]]:
    """Give the groups that are off, the furthest first: score, common part, rows."""
    count = int(rows["part"].map(len).max()) if len(rows) else 0
    odd = []
    for k in range(count):
        for value, group in rows.groupby(rows["part"].str[k], sort=False):
            score = float((group["rank"].mean() - 0.5) * np.sqrt(12.0 * len(group)))
            if len(group) >= FEWEST and abs(score) > ODD and not _is_number(str(value)):
                odd.append((score, " | ".join(str(value) if j == k else "*" for j in range(count)), group))
    return sorted(odd, key=lambda found: -abs(found[0]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


def describe_disagreements(table: pd.DataFrame) -> list[str]:
    """Say in words what :func:`disagreements` found, a line for each group."""
    lines = []
    for row in table.to_dict("records"):
        off = f"{row['factor']:.2g} times" if row["factor"] == row["factor"] else f"{abs(row['difference']):.2g}"
        side = "" if row["factor"] == row["factor"] else (" above" if row["difference"] > 0.0 else " below")
        lines.append(
            f"{row['observable']} of {row['where']}: {row['n']} values, measured {off}{side} what is predicted "
            f"(medians; {abs(row['score']):.1f} standard errors off)"
        )
    return lines


def _points(problem: Problem, chosen: xr.Dataset, ensemble: Ensemble) -> Array:
    sampled = {str(n): chosen["x"].values[:, k] for k, n in enumerate(chosen["parameter"].values)}
    drawn = {n: ensemble.draws.values[:, k] for k, n in enumerate(ensemble.parameters)}
    columns = [sampled[p.id] if p.id in sampled else _scaled(drawn[p.id], p.scale) for p in problem.estimated]
    return np.stack(columns, axis=-1)


def _scaled(values: Array, scale: str) -> Array:
    return values if scale == "lin" else np.log(values) / (1.0 if scale == "log" else np.log(10.0))
