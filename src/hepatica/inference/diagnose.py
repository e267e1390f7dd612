"""Whether draws can be relied on: what must be known before anybody reads a number off them.

Source: A. Vehtari et al., Bayesian Anal. 2021;16:667-718 (rank-normalised R-hat; effective sample sizes of bulk and tails), computed by
ArviZ.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hepatica.inference.problem import to_scale
from hepatica.model import Issue

Array = NDArray[np.float64]

RHAT, RHAT_WARNING = 1.05, 1.01
EFFECTIVE, EFFECTIVE_WARNING = 100.0, 400.0
"""Effective draws, of all chains together."""
SPREAD, SPREAD_WARNING = 2.0, 1.0
"""Standard deviation of the log-evidence over chains."""
SHARE, SHARE_WARNING = 0.1, 0.05
"""Standard error of the probability of a choice."""
ACCEPTANCE = 0.3
FAILED = 0.2
"""Share of evaluations that could not be simulated."""
UNSIMULATED = "{:.0%} of the points could not be simulated and count as impossible; see why, or narrow the bounds."
EDGE, PILED = 0.01, 0.1
"""Outer part of the range between the bounds, and the share of draws there that is spoken of."""


def diagnostics(tree: xr.DataTree) -> xr.Dataset:
    """Give the diagnostics of each parameter.

    Parameters
    ----------
    tree
        As :func:`~hepatica.inference.sample.sample` gives it.

    Returns
    -------
    xarray.Dataset
        ``rhat``, ``ess_bulk`` and ``ess_tail``, and ``at_lower`` and ``at_upper``, the shares of draws in the outer hundredth of the
        range between the bounds; (parameter). One chain alone has no R-hat: NaN. A parameter that never moved has NaN everywhere.
    """
    posterior = tree["posterior"].to_dataset()
    names = [str(n) for n in posterior.data_vars]
    table: dict[str, list[float]] = {k: [] for k in ("rhat", "ess_bulk", "ess_tail", "at_lower", "at_upper")}
    for name in names:
        for key, number in (_convergence(posterior[name].values) | _edges(posterior[name])).items():
            table[key].append(number)
    return xr.Dataset({k: ("parameter", np.array(v)) for k, v in table.items()}, coords={"parameter": names})


def diagnose(tree: xr.DataTree) -> list[Issue]:
    """Say what is wrong with draws; errors mean that nothing may be concluded from them.

    Parameters
    ----------
    tree
        As :func:`~hepatica.inference.sample.sample` or :func:`~hepatica.inference.chains.sample_near` gives it.

    Returns
    -------
    list of Issue
        Errors first.
    """
    found = [
        *_of_parameters(tree),
        *_of_chains(tree),
        *(_of_tempering if "tempering" in tree else _of_iterations)(tree),
    ]
    return sorted(found, key=lambda issue: issue.severity)


def check_samples(tree: xr.DataTree) -> tuple[str, ...]:
    """Give the reasons why nothing may be concluded from draws; none when all is well. A report must not be made without asking.

    Parameters
    ----------
    tree
        As :func:`~hepatica.inference.sample.sample` gives it.
    """
    return tuple(str(issue) for issue in diagnose(tree) if issue.severity == "error")


def describe_samples(tree: xr.DataTree) -> Sequence[str]:
    """Say in sentences how sampling went; the first line says BLOCKED when nothing may be concluded."""
    issues, table = diagnose(tree), diagnostics(tree)
    table = table.drop_sel(
        parameter=[n for n in _chosen(tree) if n in table["parameter"]]
    )  # their shares are judged instead
    sizes, evidence = tree["posterior"].sizes, _evidence(tree)
    evaluations = (
        int(tree["tempering"]["evaluations"].max("stage").sum()) if len(evidence) else tree.attrs["evaluations"]
    )
    errors = sum(issue.severity == "error" for issue in issues)
    lines = [f"BLOCKED: {errors} {'reason' if errors == 1 else 'reasons'} not to rely on these draws"] if errors else []
    lines.append(
        f"{sizes['chain'] * sizes['draw']:,} draws of {sizes['chain']} chains, {evaluations:,} evaluations; largest R-hat "
        f"{_largest(table['rhat'].values):.3f}, fewest effective draws {_smallest(table['ess_bulk'].values):.0f} (bulk) and "
        f"{_smallest(table['ess_tail'].values):.0f} (tails)"
    )
    if len(evidence):
        lines.append(
            f"log-evidence {pooled_evidence(evidence):.2f}, by chain {', '.join(f'{e:.2f}' for e in evidence)}"
        )
    for name, by_value in choice_probabilities(tree).items():
        lines.append(f"{name}: " + ", ".join(f"P({value:g}) = {p:.3f}" for value, p in by_value.items()))
    return [*lines, *shortened([f"{issue.severity}: {issue}" for issue in issues])]


def shortened(sentences: Sequence[str], shown: int = 3) -> list[str]:
    """Give the first few of the sentences that say the same of different parameters or with different numbers, and how many more there are.

    Parameters
    ----------
    sentences
        Such as "warning: k1: R-hat is 1.020, ...".
    shown
        How many of each kind are given in full.
    """
    kinds = [re.sub(r"[0-9]+(\.[0-9]+)?", "0", re.sub(r"[^ :]+: (?=it |R-hat|[0-9])", "", s)) for s in sentences]
    lines = []
    for kind, count in Counter(kinds).items():
        alike = [s for s, k in zip(sentences, kinds, strict=True) if k == kind]
        lines += alike[:shown]
        if count > shown:
            lines.append(f"and {count - shown} more like the last one")
    return lines


def pooled_evidence(evidence: Array) -> float:
    """Give the logarithm of the mean of the evidences of chains, of which each is unbiased."""
    return float(np.logaddexp.reduce(evidence) - np.log(len(evidence)))


def choice_probabilities(tree: xr.DataTree) -> dict[str, dict[float, float]]:
    """Give the posterior probability of each value of each choice; chains count by their evidence, where they have one.

    Parameters
    ----------
    tree
        As :func:`~hepatica.inference.sample.sample` gives it.
    """
    count = tree["posterior"].sizes["chain"]
    evidence = _evidence(tree) if "tempering" in tree else np.zeros(count)
    weights = np.exp(evidence - np.logaddexp.reduce(evidence))
    found = {}
    for name in _chosen(tree):
        draws, prior = _values(tree, "posterior", name), _values(tree, "prior", name)
        found[name] = {float(v): float(weights @ (draws == v).mean(axis=1)) for v in np.unique(prior)}
    return found


def _chosen(tree: xr.DataTree) -> list[str]:
    return [str(n) for n in np.atleast_1d(tree.attrs.get("choices", []))]


def _evidence(tree: xr.DataTree) -> Array:
    """By chain; empty where chains did not come from the prior."""
    return _values(tree, "tempering", "log_evidence") if "tempering" in tree else np.zeros(0)


def _values(tree: xr.DataTree, group: str, name: str) -> Array:
    return np.asarray(tree[group].to_dataset()[name].values)


def _convergence(draws: Array) -> dict[str, float]:
    from arviz_stats.base.array import array_stats  # takes a while to load

    numbers = dict.fromkeys(("rhat", "ess_bulk", "ess_tail"), float("nan"))
    if np.ptp(draws) == 0.0 or draws.shape[1] < 4:
        return numbers
    statistics: Any = array_stats
    axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
    if len(draws) > 1:
        numbers["rhat"] = float(statistics.rhat(draws, method="rank", **axes))
    numbers["ess_bulk"] = float(statistics.ess(draws, method="bulk", **axes))
    numbers["ess_tail"] = float(statistics.ess(draws, method="tail", prob=(0.05, 0.95), **axes))
    return numbers


def _edges(draws: xr.DataArray) -> dict[str, float]:
    lower, upper = (to_scale(float(draws.attrs[k]), draws.attrs["scale"]) for k in ("lower", "upper"))
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return {"at_lower": 0.0, "at_upper": 0.0}
    edge, x = EDGE * (upper - lower), draws.values
    return {"at_lower": float((x <= lower + edge).mean()), "at_upper": float((x >= upper - edge).mean())}


def _of_parameters(tree: xr.DataTree) -> list[Issue]:
    table, found = diagnostics(tree), list[Issue]()
    chosen = _chosen(tree)
    for name in table["parameter"].values:
        row, draws = table.sel(parameter=name), _values(tree, "posterior", str(name))
        if name in chosen:
            found += _of_choice(str(name), draws)
            continue
        rhat, bulk, tail = (float(row[k]) for k in ("rhat", "ess_bulk", "ess_tail"))
        if np.isnan(bulk):
            found.append(_issue("error", name, "all draws have one value; draw more, or do not estimate it."))
            continue
        if rhat > RHAT:
            text = f"R-hat is {rhat:.3f}, so the chains do not agree on it (at most {RHAT:g}); draw more."
            found.append(_issue("error", name, text))
        elif rhat > RHAT_WARNING:
            text = (
                f"R-hat is {rhat:.3f}, so the chains agree on it only roughly ({RHAT_WARNING:g} is wanted); draw more."
            )
            found.append(_issue("warning", name, text))
        if min(bulk, tail) < EFFECTIVE_WARNING:
            text = f"it has {bulk:.0f} effective draws, {tail:.0f} in the tails; {EFFECTIVE_WARNING:g} are wanted: draw more."
            found.append(_issue("error" if min(bulk, tail) < EFFECTIVE else "warning", name, text))
        for side in ("lower", "upper"):
            if float(row[f"at_{side}"]) > PILED:
                text = f"{100 * float(row[f'at_{side}']):.0f} % of the draws lie at its {side} bound; widen it, or say why it is there."
                found.append(_issue("warning", name, text))
    return found


def _of_choice(name: str, draws: Array) -> list[Issue]:
    """The probability of each value must be known: its error comes from the shares that chains give it."""
    if len(draws) < 2:
        return []
    error = max(float((draws == v).mean(axis=1).std(ddof=1)) for v in np.unique(draws)) / np.sqrt(len(draws))
    if error <= SHARE_WARNING:
        return []
    text = f"the probability of one of its values has a standard error of {error:.2f} (at most {SHARE:g}); draw more."
    return [_issue("error" if error > SHARE else "warning", name, text)]


def _of_chains(tree: xr.DataTree) -> list[Issue]:
    if tree["posterior"].sizes["chain"] > 1:
        return []
    text = "there is one chain only, so nothing says whether it found all there is; run two or more."
    return [_issue("error", "chains", text)]


def _of_iterations(tree: xr.DataTree) -> list[Issue]:
    """Of chains that began near a fit: the moves of the second half, after they had warmed up."""
    acceptance, found = _values(tree, "iterations", "acceptance"), list[Issue]()
    low = float(np.nanmean(acceptance[len(acceptance) // 2 :]))
    if low < ACCEPTANCE:
        text = f"{100 * low:.0f} % of the moves were accepted (at least {100 * ACCEPTANCE:.0f} % are wanted)."
        found.append(_issue("error", "chains", text))
    share = tree.attrs["failed"] / tree.attrs["evaluations"]
    if share > FAILED:
        found.append(_issue("warning", "chains", UNSIMULATED.format(share)))
    return found


def _of_tempering(tree: xr.DataTree) -> list[Issue]:
    tempering, found = tree["tempering"].to_dataset(), list[Issue]()
    evidence = tempering["log_evidence"].values
    if len(evidence) > 1 and (spread := float(evidence.std(ddof=1))) > SPREAD_WARNING:
        text = f"their log-evidences have a standard deviation of {spread:.1f} (at most {SPREAD:g}); draw more."
        # the draws of a chain do not depend on its evidence; the weights of rival choices do
        found.append(_issue("error" if spread > SPREAD and _chosen(tree) else "warning", "chains", text))
    for chain in tempering["chain"].values:
        stages = tempering.sel(chain=chain)
        where = f"chain {chain}"
        if not float(stages["beta"].max()) >= 1.0:
            found.append(_issue("error", where, "it did not come to the posterior; let it run to its end."))
        low = float(stages["acceptance"].min())
        if low < ACCEPTANCE:
            text = f"at one stage {100 * low:.0f} % of the moves were accepted (at least {100 * ACCEPTANCE:.0f} % are wanted)."
            last = float(stages["acceptance"].where(stages["beta"] >= 1.0).mean())
            found.append(_issue("error" if last < ACCEPTANCE else "warning", where, text))
        share = float((stages["failed"] / stages["evaluations"]).max())
        if share > FAILED:
            found.append(_issue("warning", where, UNSIMULATED.format(share)))
    return found


def _issue(severity: Any, where: str, message: str) -> Issue:
    return Issue(severity=severity, where=str(where), message=message)


def _largest(values: Array) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else float("nan")


def _smallest(values: Array) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else float("nan")
