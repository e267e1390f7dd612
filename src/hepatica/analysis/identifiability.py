"""What data say about each parameter, in plain language: from profiles, or from draws of a posterior."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from hepatica.analysis.combinations import Combination, combinations, describe_combination
from hepatica.errors import InputError

Array = NDArray[np.float64]
LEVEL = 0.95
WIDE = 10.0
"""A parameter that is known within this factor is determined; within a larger one, hardly."""
NARROW = 0.5
"""Draws of a posterior that are narrower than this times the prior determine a parameter, wherever they are."""
UNTOUCHED = 0.9
"""Draws of a posterior that are wider than this times the prior, and not moved, tell nothing of a parameter."""
FACTORS: Mapping[str, float] = {"lin": 0.0, "log": 1.0, "log10": float(np.log(10.0))}
COLUMNS = ("parameter", "kind", "value", "lower", "upper", "words", "moves", "data")


def identifiability(profiles: xr.Dataset, *, groups: xr.DataArray | None = None) -> pd.DataFrame:
    """Say of each profiled parameter how well it is determined, with which others it moves, and by which data it is known.

    Parameters
    ----------
    profiles
        What :func:`~hepatica.inference.profile.profile` gave.
    groups
        Fisher information of each group of measurements at the optimum, on the parameters' scales, dimensions (group, other,
        along).

    Returns
    -------
    pandas.DataFrame
        Columns ``parameter``; ``kind``: determined, hardly determined, bounded above, bounded below or not determined; ``value``,
        ``lower``, ``upper``, linear (95 %, NaN where open); and sentences: ``words``, ``moves`` (what goes along when the parameter
        moves) and ``data`` (which group of measurements it is known by); empty where there is nothing to say.

    Raises
    ------
    InputError
        When the groups are of other parameters.
    """
    names = [str(n) for n in profiles["other"].values]
    if groups is not None and [str(n) for n in groups["other"].values] != names:
        raise InputError(
            "the information of groups has other parameters than the profiles; give it at the same problem's optimum."
        )
    scales = [str(s) for s in profiles["scale"].values]
    sure = _sure_combinations(profiles, names, scales)
    wide = profiles["upper_bound"].values - profiles["lower_bound"].values
    ground = np.diag(12.0 / np.where(wide > 0.0, wide, 1.0) ** 2)  # uniform between the bounds
    rows = []
    for name in (str(n) for n in profiles["parameter"].values):
        one, k = profiles.sel(parameter=name), names.index(name)
        edge = tuple(linear(float(profiles[b].values[k]), scales[k]) for b in ("lower_bound", "upper_bound"))
        low, high = (linear(float(one[b].sel(level=LEVEL)), scales[k]) for b in ("lower", "upper"))
        value = linear(float(profiles["optimum"].values[k]), scales[k])
        kind = _kind(value, low, high, edge, scales[k])
        words = _words(kind, value, low, high, edge, scales[k]) + _failed(one, scales[k])
        together = [] if kind == "determined" else [c for c in sure if name in c]
        words += _only(together)
        moves = "" if kind == "determined" else _moves(one, k, names, scales)
        data = "" if groups is None or kind == "not determined" else _known_by(ground, groups, k, 4.0)
        rows.append((name, kind, value, low, high, words, moves, data))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def posterior_identifiability(
    posterior: xr.Dataset, prior: xr.Dataset, *, groups: xr.DataArray | None = None
) -> pd.DataFrame:
    """Say of each parameter how well it is determined, from draws of the posterior and of the prior.

    Parameters
    ----------
    posterior, prior
        One variable for each parameter, on its scale, dimensions (chain, draw), with the attribute ``scale``.
    groups
        As for :func:`identifiability`, at one draw or as the mean of several.

    Returns
    -------
    pandas.DataFrame
        As :func:`identifiability` gives it; ``value`` is the median. An end is open where the posterior reaches as far as the prior and
        not, much narrower, beyond it; both are where it is as wide as the prior and in the same place.

    Raises
    ------
    InputError
        When the groups are of other parameters.
    """
    names = [str(n) for n in posterior.data_vars if float(posterior[n].std()) > 0.0]
    scales = [str(posterior[n].attrs.get("scale", "lin")) for n in names]
    x = np.array([posterior[n].values.ravel() for n in names])
    if not names:
        return pd.DataFrame([], columns=list(COLUMNS))
    logs = np.array([v if s == "lin" else v * FACTORS[s] for v, s in zip(x, scales, strict=True)])
    covariance = np.atleast_2d(np.cov(logs))
    correlation = np.atleast_2d(np.corrcoef(logs))
    log_scaled = [k for k, s in enumerate(scales) if s != "lin"]
    part = covariance[np.ix_(log_scaled, log_scaled)]
    sets = combinations(np.linalg.pinv(part, hermitian=True), [names[k] for k in log_scaled]) if log_scaled else []
    sure = [c for _, table in sets for c in table if _steady(c, names, logs)]
    ground = np.diag([1.0 / max(float(prior[n].var()), 1e-300) for n in names])
    if groups is not None:
        if missing := set(names) - {str(n) for n in groups["other"].values}:
            raise InputError(
                f"the information of groups lacks parameters of the draws, such as '{min(missing)}'; give it for the same problem."
            )
        groups = groups.sel(other=names, along=names)
    rows = []
    tail = 0.5 * (1.0 - LEVEL)
    for k, name in enumerate(names):
        first, middle, last = np.quantile(x[k], [tail, 0.5, 1.0 - tail])
        before = np.quantile(prior[name].values.ravel(), [tail, 1.0 - tail])
        near = 0.05 * (before[1] - before[0])
        narrow = float(x[k].std()) < NARROW * float(prior[name].std())
        inside = (first - before[0], before[1] - last)
        low, high = (
            np.nan if far < near and not (narrow and far < -near) else linear(end, scales[k])
            for far, end in zip(inside, (first, last), strict=True)
        )
        if _untouched(x[k], prior[name].values):
            low = high = np.nan
        value, edge = linear(middle, scales[k]), tuple(linear(float(b), scales[k]) for b in before)
        kind = _kind(value, low, high, edge, scales[k])
        words = _words(kind, value, low, high, edge, scales[k])
        words += "" if kind == "not determined" else f"; before the data {number(edge[0])} to {number(edge[1])}"
        words += _only([] if kind == "determined" else [c for c in sure if name in c])
        order = [
            j for j in np.argsort(-np.abs(correlation[k]), kind="stable") if j != k and abs(correlation[k, j]) > 0.8
        ][:3]
        moves = ", ".join(f"{names[j]} (correlation {number(correlation[k, j], 2)})" for j in order)
        data = "" if groups is None or kind == "not determined" else _known_by(ground, groups, k, 1.5)
        rows.append((name, kind, value, low, high, words, f"moves with {moves}" if moves else "", data))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _untouched(after: Array, before: Array) -> bool:
    """Whether draws are as wide as those before the data, and in the same place."""
    spread = float(before.std())
    return bool(after.std() > UNTOUCHED * spread and abs(np.median(after) - np.median(before)) < 0.5 * spread)


def _steady(powers: Combination, names: Sequence[str], logs: Array) -> bool:
    """Whether draws of a combination spread much less than those of any of its members."""
    terms = np.array([power * logs[names.index(name)] for name, power in powers.items()])
    return bool(terms.sum(axis=0).std() < 0.1 * terms.std(axis=1).min())


def number(value: float, digits: int = 3) -> str:
    """Give a number for a sentence: no powers of ten where it can be read without, a true minus.

    Examples
    --------
    >>> number(15766.5), number(-0.00012345), number(1e-6), number(3.2e7)
    ('15,800', '−0.000123', '1e−6', '3.2e7')
    """
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:,.{max(digits, 6)}g}" if 1e-4 <= abs(rounded) < 1e6 else f"{rounded:.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


def linear(value: float, scale: str) -> float:
    """Give a value on a scale as a plain one."""
    return value if FACTORS[scale] == 0.0 else float(np.exp(FACTORS[scale] * value))


def _kind(value: float, lower: float, upper: float, edge: Sequence[float], scale: str) -> str:
    if np.isnan(lower) and np.isnan(upper):
        return "not determined"
    if np.isnan(lower):
        return "bounded above"
    if np.isnan(upper):
        return "bounded below"
    if scale == "lin":
        return "determined" if upper - lower < 0.5 * (edge[1] - edge[0]) else "hardly determined"
    return "determined" if max(upper / value, value / lower) <= WIDE else "hardly determined"


def _words(kind: str, value: float, lower: float, upper: float, edge: Sequence[float], scale: str) -> str:
    if kind == "not determined":
        return f"not determined by these data: anything from {number(edge[0])} to {number(edge[1])}"
    if kind == "bounded above":
        return f"only bounded from above: below {number(upper)} (95 %)"
    if kind == "bounded below":
        return f"only bounded from below: above {number(lower)} (95 %)"
    kind = "hardly determined:" if kind == "hardly determined" else kind
    between = f"(95 %: {number(lower)} to {number(upper)})"
    if scale == "lin":
        return f"{kind} within ± {number(max(upper - value, value - lower), 2)} {between}"
    return f"{kind} within a factor {number(max(upper / value, value / lower), 2)} {between}"


def _failed(one: xr.Dataset, scale: str) -> str:
    """Say where a profile ended before a bound or the threshold."""
    v = one["value"].values
    out = ""
    for side, last, where in (("down", np.nanmin(v), "below"), ("up", np.nanmax(v), "above")):
        why = {"failed": "cannot be simulated", "points": "was not followed"}.get(str(one["end"].sel(side=side).values))
        out += f"; {why} {where} {number(linear(float(last), scale))}" if why else ""
    return out


def _only(together: Sequence[Combination]) -> str:
    if not together:
        return ""
    texts = [describe_combination(c) for c in together]
    verb = "is" if len(texts) == 1 else "are"
    return f"; only {' and '.join(texts)} {verb} determined"


def _logs(x: Array, scales: Sequence[str]) -> Array:
    """Natural logarithms of points on their scales, shape (point, parameter); NaN of what is not positive."""
    factors = np.array([FACTORS[s] for s in scales])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(factors == 0.0, np.log(np.where(x > 0.0, x, np.nan)), factors * x)


def _path(one: xr.Dataset) -> Array:
    """The points of a profile that are below the threshold, shape (point, parameter)."""
    objective = one["objective"].values
    below = 2.0 * (objective - np.nanmin(objective)) <= 1.02 * stats.chi2.ppf(LEVEL, 1)
    return np.asarray(one["x"].values[below & np.isfinite(objective)])


def _sure_combinations(profiles: xr.Dataset, names: list[str], scales: list[str]) -> list[Combination]:
    """Combinations that the information leaves determined, and that stay where they are along the profiles of their members."""
    optimum = profiles["optimum"].values
    inner = np.array([o if s == "lin" else 1.0 / FACTORS[s] for o, s in zip(optimum, scales, strict=True)])
    usable = np.flatnonzero(inner > 0.0)
    scaled = profiles["information"].values * inner[:, None] * inner
    sets = combinations(scaled[np.ix_(usable, usable)], [names[k] for k in usable])
    profiled = [str(n) for n in profiles["parameter"].values]
    found = []
    for powers in (c for _, table in sets for c in table):
        weights = np.array([powers.get(n, 0.0) for n in names])
        steady = []
        for name in (n for n in powers if n in profiled):
            path = _logs(_path(profiles.sel(parameter=name)), scales)
            way = np.ptp(path[:, names.index(name)]) * abs(powers[name])
            change = np.ptp(path[:, weights != 0.0] @ weights[weights != 0.0])
            steady.append(bool(change < 0.1 * way))
        if steady and all(steady):
            found.append(powers)
    return found


def _moves(one: xr.Dataset, k: int, names: list[str], scales: list[str]) -> str:
    """Say which other parameters move along a profile: those that follow by a power."""
    path = _logs(_path(one), scales)
    if len(path) < 4 or not np.ptp(path[:, k]) > np.log(1.5):
        return ""
    found = []
    for j in range(len(names)):
        if j == k or not np.isfinite(path[:, [j, k]]).all() or np.ptp(path[:, j]) < 0.2 * np.ptp(path[:, k]):
            continue
        line = stats.linregress(path[:, k], path[:, j])
        if line.rvalue**2 > 0.9 and abs(line.slope) > 0.2:
            verb = "rises" if line.slope > 0.0 else "falls"
            found.append((abs(line.slope), f"{names[j]} {verb} {number(10.0 ** abs(line.slope), 2)}-fold"))
    return f"when it rises tenfold, {', '.join(text for _, text in sorted(found, reverse=True)[:3])}" if found else ""


def _known_by(ground: Array, groups: xr.DataArray, k: int, more: float) -> str:
    """Say without which group of measurements most of what is known of a parameter would be lost.

    ``ground`` is what is known before the data; less than ``more`` times as much is no knowledge.
    """
    parts = groups.transpose("group", "other", "along").values
    whole = parts.sum(axis=0) + ground

    def precision(known: Array) -> float:
        return 1.0 / float(np.linalg.pinv(known, hermitian=True)[k, k])

    all_of_it = precision(whole)
    if not all_of_it > more * ground[k, k]:
        return ""
    lost = np.array([1.0 - max(precision(whole - part), ground[k, k]) / all_of_it for part in parts])
    most = 0.5 * (1.0 - ground[k, k] / all_of_it)
    order = [int(g) for g in np.argsort(-lost, kind="stable") if lost[g] > most][:3]
    if not order:
        return "known by all data together"
    return f"known mostly by {' and '.join(str(groups['group'].values[g]) for g in order)}"
