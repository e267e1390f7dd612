"""Which prior draws are plausible: rules that are applied before any claim is looked at."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hepatica.assays import Level, Panel
from hepatica.ensemble import Ensemble, draw_prior
from hepatica.errors import ComputationError
from hepatica.experiment import CellLine, Experiment
from hepatica.model import Model, Parameter
from hepatica.simulation import simulate
from hepatica.solver.status import Status
from hepatica.study.plan import Rule, Study
from hepatica.study.store import Store
from hepatica.units import convert

Origin = Literal["prior", "posterior", "left-out"]
Bools = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]
CLAMP_LEVELS = {"akt_clamp_level": "akt_output", "erk_clamp_level": "erk_output"}
_ALWAYS = ("division_rate", "death_rate")
_DAY = 1440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What passed.

    Parameters
    ----------
    ensemble
        The accepted draws, in the order of their index.
    table
        One row for each rule and cell line: rule, sentence, cell_line, tested (candidates in which it could be told),
        passed, rejected_only_by_this; attrs candidates, accepted.
    levels
        For each cell line the clamp levels of the accepted draws, dimensions draw, parameter, nM.
    """

    ensemble: Ensemble
    table: pd.DataFrame
    levels: Mapping[str, xr.DataArray]


def screen(
    study: Study,
    store: Store,
    *,
    origin: Origin = "prior",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Screening:
    """Take candidates from the prior or from draws of a posterior, block by block, until enough pass every rule in every cell line.

    Parameters
    ----------
    study
        Its rules, seed and number of draws.
    store
        Where the blocks are kept.
    origin
        Of the candidates; of a posterior there may be fewer than the study asks for. Those that lack data are all tried.
    threads
        As for :func:`simulate`.
    progress
        Called with ("screening", accepted, wanted).

    Raises
    ------
    ComputationError
        When too few of the study's ``candidates`` pass.
    """
    blocks: list[xr.Dataset] = []
    accepted = start = 0
    given = {"prior": None, "posterior": study.posterior, "left-out": study.left_out}[origin]
    candidates = study.candidates if given is None else given.size
    wanted = candidates if origin == "left-out" else study.draws
    while accepted < wanted:
        if start >= candidates:
            if given is not None and accepted:
                break
            raise ComputationError(_too_few(study, blocks, accepted))
        size = min(study.block, candidates - start)
        ensemble = _candidates(study, start, size, given)
        name = f"screening-{origin}-{start:06d}"
        block = store.load(name)
        if block is None:
            block = _measure(study, ensemble, threads)
            store.save(name, block)
        blocks.append(block)
        accepted += int(_accepted(block).sum())
        start += size
        if progress is not None:
            progress(f"screening, {origin}", min(accepted, wanted), wanted)
    measured = xr.concat(blocks, dim="draw", coords="minimal", compat="override", join="override")
    passes = np.flatnonzero(_accepted(measured))[:wanted]
    measured = measured.isel(draw=slice(0, passes[-1] + 1))
    taken = _candidates(study, 0, int(passes[-1]) + 1, given).select(passes)
    level = measured["level"].isel(draw=passes).transpose("cell_line", "draw", "parameter")
    level = level.assign_coords(parameter=list(CLAMP_LEVELS))
    levels = {line: level.sel(cell_line=line, drop=True) for line in study.cell_lines}
    return Screening(ensemble=taken, table=_table(study, measured, int(passes.size)), levels=levels)


def _candidates(study: Study, start: int, size: int, given: Ensemble | None) -> Ensemble:
    if given is not None:
        return given.select(np.arange(start, start + size))
    return draw_prior(study.model, size, seed=study.seed, start=start, wirings=study.wirings)


def _accepted(block: xr.Dataset) -> Bools:
    """Tell which candidates pass every rule in every cell line, shape (draw,)."""
    verdict: Bools = block["verdict"].transpose("draw", "cell_line", "rule").values == 1
    return verdict.all(axis=(1, 2))


def _measure(study: Study, ensemble: Ensemble, threads: int | None) -> xr.Dataset:
    """Give ``verdict`` (cell_line, rule, draw; 1 passed, 0 failed, -1 cannot be told) and ``level`` of the clamps."""
    arms = {study.control.id: study.control} | {r.arm.id: r.arm for r in study.rules if r.arm is not None}
    watched = dict.fromkeys([*_ALWAYS, *CLAMP_LEVELS.values(), *(r.observable for r in study.rules if r.observable)])
    times = tuple(f"{t:.17g} min" for t in sorted({0.0, *(r.at for r in study.rules)}))
    panel = Panel(assays=tuple(Level(observable=name, at=times) for name in watched))
    verdicts, levels = [], []
    for cell_line in study.cell_lines:
        line = study.line(cell_line)
        experiment = Experiment(id="screening", arms=tuple(arms.values()), assay=panel, cell_line=line)
        simulation = simulate(study.model, experiment, ensemble, threads=threads)
        rows = [judge(rule, simulation, doubling_time(study.model, line), study.control.id) for rule in study.rules]
        verdicts.append(np.array(rows, dtype=np.int8).reshape(len(study.rules), ensemble.size))
        rest = simulation.sel(arm=study.control.id).isel(time=0)
        levels.append(np.stack([rest[observable].values for observable in CLAMP_LEVELS.values()]))
    return xr.Dataset(
        {
            "verdict": (("cell_line", "rule", "draw"), np.stack(verdicts)),
            "level": (("cell_line", "parameter", "draw"), np.stack(levels)),
        },
        coords={"cell_line": list(study.cell_lines), "draw": ensemble.draws["draw"].values},
    )


def judge(rule: Rule, simulation: xr.Dataset, measured: float, control: str) -> NDArray[np.int8]:
    """Apply one rule to the screening simulation of one cell line.

    Parameters
    ----------
    rule
        What must hold.
    simulation
        Arms untreated and of the rule; the first time is the untreated steady state.
    measured
        Measured doubling time of the line, min.
    control
        Id of the untreated arm.

    Returns
    -------
    numpy.ndarray
        Shape (draw,): 1 passed, 0 failed, -1 where it cannot be told because the simulation failed.
    """
    untreated = simulation.sel(arm=control)
    if rule.kind == "steady_state":
        steady: NDArray[np.int8] = (untreated["status"].values != Status.NO_STEADY_STATE).astype(np.int8)
        return steady
    rest = untreated.isel(time=0)
    division, death = rest["division_rate"].values, rest["death_rate"].values
    with np.errstate(divide="ignore", invalid="ignore"):
        if rule.kind == "doubling_time":
            growth = division - death
            value = np.where(growth > 0, math.log(2.0) / growth, np.where(np.isnan(growth), np.nan, np.inf))
            holds = np.abs(value / measured - 1.0) < rule.limit
        elif rule.kind == "daily_loss":
            value = -np.expm1(-death * _DAY)
            holds = value < rule.limit
        else:
            assert rule.arm is not None  # noqa: S101  read with the rule
            treated = simulation.sel(arm=rule.arm.id, time=rule.at)[rule.observable].values
            value = treated / untreated.sel(time=rule.at)[rule.observable].values
            holds = value >= rule.limit
    told: NDArray[np.int8] = np.where(np.isnan(value), -1, holds).astype(np.int8)
    return told


def doubling_time(model: Model, line: CellLine) -> float:
    """Give the measured doubling time of a line, min: what its file sets ``doubling_time`` to, or the model's."""
    parameter = model.by_id.get("doubling_time")
    value = parameter.value if isinstance(parameter, Parameter) else math.nan
    for change in line.changes:
        if change.target == "doubling_time" and change.how == "set":
            value = convert(change.value, change.unit or "min", "min")
    return value


def _table(study: Study, measured: xr.Dataset, accepted: int) -> pd.DataFrame:
    verdict = measured["verdict"].transpose("rule", "cell_line", "draw").values
    failed = verdict == 0
    alone = failed.sum(axis=(0, 1)) == 1
    rows = [
        {
            "rule": rule.id,
            "sentence": rule.sentence,
            "cell_line": line,
            "tested": int((verdict[r, c] >= 0).sum()),
            "passed": int((verdict[r, c] == 1).sum()),
            "rejected_only_by_this": int((failed[r, c] & alone).sum()),
        }
        for r, rule in enumerate(study.rules)
        for c, line in enumerate(study.cell_lines)
    ]
    columns = ["rule", "sentence", "cell_line", "tested", "passed", "rejected_only_by_this"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {"candidates": int(measured.sizes["draw"]), "accepted": accepted}
    return table


def _too_few(study: Study, blocks: list[xr.Dataset], accepted: int) -> str:
    measured = xr.concat(blocks, dim="draw", coords="minimal", compat="override", join="override")
    table = _table(study, measured, accepted)
    shares = table["passed"].to_numpy() / np.maximum(table["tested"].to_numpy(), 1)
    hardest = table.iloc[int(np.argmin(shares))]
    return (
        f"only {accepted} of {study.candidates} candidate draws pass the screening rules, {study.draws} are wanted; "
        f"the rule '{hardest['rule']}' in {hardest['cell_line']} lets the fewest pass ({hardest['passed']} of "
        f"{hardest['tested']}): ask for fewer draws or allow more candidates."
    )
