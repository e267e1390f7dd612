"""What a study gives: readouts, verdicts, and what decides them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from hepatica.analysis import log_ratio, pathway_share, pathway_table, rank_correlation
from hepatica.claims import Verdict, evaluate_claims
from hepatica.ensemble import Ensemble
from hepatica.errors import InputError
from hepatica.literature import compare_with_literature
from hepatica.solver.status import Status
from hepatica.study.plan import Effect, Study

Readouts = Mapping[str, Mapping[str, xr.DataArray]]
PATHWAYS = {"Akt": "akt", "ERK": "erk", "both": "both"}


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResult:
    """The result of a study.

    Parameters
    ----------
    study
        The plan.
    ensemble
        The accepted draws.
    screening
        One row for each rule and cell line; see :class:`hepatica.study.screen.Screening`.
    readouts
        ``readouts[experiment][readout]``, dimensions cell_line, arm, draw and what the assay adds. Fits (ic50, ...)
        have one ``arm`` for each dose series, named like its arm without drug.
    verdicts
        For each claim, contrast and cell line.
    pathway
        Shares of the effect through each pathway: cell_line, pathway, share, q05, q95, n, unresolved, by_auc.
    sensitivity
        For each cell line: parameter, rho, p, q with the log10 shift of the IC50, rho_auc, p_auc with that of the AUC.
    failures
        Trajectories that did not complete: experiment, cell_line, status, count.
    provenance
        Versions, digests, seed, command, times.
    prior
        The same study on draws of the prior, where these are of the posterior.
    influence
        Which data sets move the claims, as :func:`~hepatica.claims.data_influence` gives it; empty where no draws lack data.
    doubts
        Reasons not to rely on the posterior: diagnostics of its chains that failed.
    decisive
        What the claims that the data leave undecided depend on, as :func:`~hepatica.study.undecided.decisive_parameters` gives it.
    literature
        Measured numbers beside the predictions, as :func:`~hepatica.literature.compare_with_literature` gives them; with those of
        the prior in columns ``prior_...`` where there is one.
    """

    study: Study
    ensemble: Ensemble
    screening: pd.DataFrame
    readouts: Readouts
    verdicts: tuple[Verdict, ...]
    pathway: pd.DataFrame
    sensitivity: Mapping[str, pd.DataFrame]
    failures: pd.DataFrame
    provenance: Mapping[str, object]
    prior: "StudyResult | None" = None
    influence: pd.DataFrame = field(default_factory=pd.DataFrame)
    doubts: tuple[str, ...] = ()
    decisive: pd.DataFrame = field(default_factory=pd.DataFrame)
    literature: pd.DataFrame = field(default_factory=pd.DataFrame)


def conclude(
    study: Study,
    ensemble: Ensemble,
    screening: pd.DataFrame,
    readouts: dict[str, dict[str, xr.DataArray]],
    failures: pd.DataFrame,
    provenance: Mapping[str, object],
) -> StudyResult:
    """Judge the claims, and explain the effect, by readouts.

    Parameters
    ----------
    study, ensemble, screening, failures, provenance
        As in :class:`StudyResult`.
    readouts
        As there; the pathway shares are added to those of the clamped experiment as ``pathway_share``, with the
        pathway as ``arm``.

    Returns
    -------
    StudyResult
        Everything.
    """
    pathway = pathway_table({})
    if study.effect is not None and study.effect.clamped:
        shares = _shares(study, study.effect, readouts)
        pathway = pathway_table(shares)
        readouts[study.effect.clamped]["pathway_share"] = _share_readout(shares)
    weights = None
    if ensemble.weights is not None:
        weights = xr.DataArray(ensemble.weights, dims="draw", coords={"draw": ensemble.draws["draw"].values})
    return StudyResult(
        study=study,
        ensemble=ensemble,
        screening=screening,
        readouts=readouts,
        verdicts=evaluate_claims(study.claims, readouts, weights, chains=ensemble.chains),
        pathway=pathway,
        sensitivity={} if study.effect is None else _sensitivity(study, study.effect, ensemble, readouts),
        failures=failures,
        provenance=provenance,
        literature=compare_with_literature(study.literature, readouts, weights, seed=study.seed),
    )


def _fit(readouts: Readouts, experiment: str, name: str, cell_line: str) -> xr.DataArray:
    """Give a fit of one cell line, dimensions arm and draw."""
    if name not in readouts[experiment]:
        raise InputError(f"[effect] needs dose-response fits in experiment '{experiment}'; set fit = true there.")
    return readouts[experiment][name].sel(cell_line=cell_line, drop=True)


def _shares(study: Study, effect: Effect, readouts: Readouts) -> dict[str, dict[str, xr.Dataset]]:
    shares: dict[str, dict[str, xr.Dataset]] = {}
    for line in study.cell_lines:
        fits = {n: _fit(readouts, effect.experiment, n, line) for n in ("ic50", "auc")}
        held = {n: _fit(readouts, effect.clamped, n, line) for n in ("ic50", "auc")}
        known = {str(a) for a in held["ic50"]["arm"].values}
        for pathway, clamp in PATHWAYS.items():
            arms = [_held(arm, clamp) for arm in (effect.treated, effect.clamped_reference)]
            if not set(arms) <= known:
                continue
            total = {
                n: tuple(_arm(fit, a) for a in (effect.treated, effect.clamped_reference)) for n, fit in fits.items()
            }
            left = {n: tuple(_arm(fit, a) for a in arms) for n, fit in held.items()}
            shares.setdefault(line, {})[pathway] = pathway_share(
                (total["ic50"][0], total["ic50"][1]),
                (left["ic50"][0], left["ic50"][1]),
                (total["auc"][0], total["auc"][1]),
                (left["auc"][0], left["auc"][1]),
            )
    return shares


def _held(arm: str, clamp: str) -> str:
    """Name the arm that has a clamp besides."""
    return f"{clamp} clamp" if arm == "control" else f"{arm} + {clamp} clamp"


def _arm(array: xr.DataArray, arm: str) -> xr.DataArray:
    return array.sel(arm=arm, drop=True).reset_coords(drop=True)


def _share_readout(shares: Mapping[str, Mapping[str, xr.Dataset]]) -> xr.DataArray:
    """Give the shares as a readout: dimensions cell_line, arm (the pathway), draw."""
    lines = [
        xr.concat([part["share"] for part in pathways.values()], dim="arm").assign_coords(arm=list(pathways))
        for pathways in shares.values()
    ]
    array = xr.concat(lines, dim="cell_line").assign_coords(cell_line=list(shares)).rename("pathway_share")
    array = array.transpose("cell_line", "arm", "draw")
    array.attrs = {
        "units": "1",
        "long_name": "share of the effect on sorafenib sensitivity that goes through a pathway",
    }
    return array


def _sensitivity(study: Study, effect: Effect, ensemble: Ensemble, readouts: Readouts) -> dict[str, pd.DataFrame]:
    tables = {}
    for line in study.cell_lines:
        ic50 = _fit(readouts, effect.experiment, "ic50", line).reset_coords(drop=True)
        auc = _fit(readouts, effect.experiment, "auc", line).reset_coords(drop=True)
        shift = log_ratio(ic50, effect.treated, effect.reference)
        drawn = ensemble.in_line(line)
        by_ic50 = rank_correlation(drawn, shift)
        by_auc = rank_correlation(drawn, _arm(auc, effect.treated) - _arm(auc, effect.reference))
        renamed = by_auc[["parameter", "rho", "p"]].rename(columns={"rho": "rho_auc", "p": "p_auc"})
        table = by_ic50.merge(renamed, on="parameter", how="outer", sort=False)
        order = np.argsort(-table["rho"].abs().fillna(-1.0).to_numpy(), kind="stable")
        table = table.iloc[order].reset_index(drop=True)
        table.attrs = {**by_ic50.attrs, "n_auc": by_auc.attrs["n"]}
        tables[line] = table
    return tables


def failure_table(counts: Mapping[tuple[str, str], Counter[int]]) -> pd.DataFrame:
    """Give what did not complete in words.

    Parameters
    ----------
    counts
        ``counts[experiment, cell_line][status]``: trajectories.
    """
    rows = [
        {"experiment": experiment, "cell_line": line, "status": Status(code).sentence, "count": number}
        for (experiment, line), counter in counts.items()
        for code, number in sorted(counter.items())
        if code != Status.OK
    ]
    return pd.DataFrame(rows, columns=["experiment", "cell_line", "status", "count"])
