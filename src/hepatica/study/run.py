"""Running a study end to end."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hepatica.claims import data_influence
from hepatica.ensemble import DOUBTS, LEFT_OUT
from hepatica.errors import InputError
from hepatica.literature import beside
from hepatica.study.plan import Study
from hepatica.study.result import StudyResult, conclude, failure_table
from hepatica.study.save import save_result
from hepatica.study.screen import Origin, screen
from hepatica.study.store import Store
from hepatica.study.undecided import decisive_parameters
from hepatica.study.units import Readings, join_blocks, join_lines, pack, plan_units, run_unit, unpack, with_levels

Progress = Callable[[str, int, int], None]
PACKAGES = ("hepatica", "numpy", "scipy", "xarray", "numba", "llvmlite")


def run_study(
    study: Study,
    out: str | Path,
    *,
    draws: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    command: str = "",
) -> StudyResult:
    """Screen draws of the prior, and of the posterior where there is one, simulate every experiment, judge the claims, and save all of it.

    Finished work units are kept in ``out/partial`` until the result is complete, so that an interrupted run can be
    resumed to the identical result. The result does not depend on the number of threads.

    Parameters
    ----------
    study
        From :func:`load_study`.
    out
        Folder for ``results.nc``, ``ensemble.nc`` and ``claims.json``; made when missing.
    draws, seed
        Instead of the study's own; with more draws as many as 20 candidates for each are tried.
    threads
        Worker threads; all cores when ``None``.
    resume
        Use the finished units of an interrupted run.
    progress
        Called with (stage, done, total); stages are ``screening`` (accepted draws) and ``simulation`` (trajectories), each
        of ``prior``, ``posterior`` and ``left-out``, as in ``simulation, prior``.
    command
        Kept in the provenance.

    Returns
    -------
    StudyResult
        Readouts, verdicts and what decides them.

    Raises
    ------
    InputError
        When draws or seed are out of range, or the kept units are of another run.
    ComputationError
        When too few draws pass the screening.
    StorageError
        When a file cannot be written.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    study = _adapt(study, draws, seed)
    versions = {name: version(name) for name in PACKAGES}
    digest = sha256(repr((study.digest, versions, platform.machine())).encode()).hexdigest()
    store = Store(Path(out), digest, resume=resume)
    provenance = _provenance(study, versions, command) | {
        "threads": threads or "all cores",
        "started": started.isoformat(timespec="seconds"),
    }
    result = prior = _run(study, "prior", store, threads, progress, provenance)
    if study.posterior is not None:
        attrs = study.posterior.draws.attrs
        provenance |= {
            "posterior": {k: str(v) for k, v in attrs.items() if k in {"command", "problem_digest", "sampled"}}
        }
        doubts = tuple(str(attrs.get(DOUBTS, "")).splitlines())
        result = replace(_run(study, "posterior", store, threads, progress, provenance), prior=prior, doubts=doubts)
        decisive = decisive_parameters(study.claims, result.verdicts, result.readouts, result.ensemble, prior.ensemble)
        result = replace(
            result, influence=_influence(study, result, store, threads, progress), decisive=decisive,
            literature=beside(result.literature, prior.literature),
        )  # fmt: skip
    seconds = {"seconds": round(time.perf_counter() - clock, 2)}
    result = replace(result, provenance={**result.provenance, **seconds})
    save_result(result, Path(out))
    store.clear()
    return result


def _influence(
    study: Study, result: StudyResult, store: Store, threads: int | None, progress: Progress | None
) -> pd.DataFrame:
    """Judge the claims by draws that lack one data set each."""
    if study.left_out is None:
        return pd.DataFrame()
    every = tuple(replace(e, draws=None) for e in study.experiments)
    less = _run(replace(study, experiments=every), "left-out", store, threads, progress, {})
    return data_influence(
        study.claims, result.verdicts, less.readouts, less.ensemble.draws[LEFT_OUT], less.ensemble.chains
    )


def _run(
    study: Study, origin: Origin, store: Store, threads: int | None, progress: Progress | None, provenance: Mapping[str, object]
) -> StudyResult:  # fmt: skip
    """Screen, simulate and judge the draws of one origin."""
    clock = time.perf_counter()
    screening = screen(study, store, origin=origin, threads=threads, progress=progress)
    screened = time.perf_counter()
    lines: dict[str, dict[str, list[Readings]]] = {e.id: {} for e in study.experiments}
    failures: dict[tuple[str, str], Counter[int]] = {}
    units = plan_units(study, screening.ensemble.size)
    done, total = 0, sum(unit.runs for unit in units)
    for unit in units:
        ensemble = screening.ensemble.select(np.arange(unit.start, unit.stop))
        if unit.experiment.clamped and unit.cell_line in screening.levels:
            ensemble = with_levels(ensemble, screening.levels[unit.cell_line])
        name = f"{origin}-{unit.id}"
        packed = store.load(name)
        if packed is None:
            line = study.line(unit.cell_line)
            packed = pack(*run_unit(study.model, unit, line, ensemble, threads))
            store.save(name, packed)
        readings, status = unpack(packed)
        lines[unit.experiment.id].setdefault(unit.cell_line, []).append(readings)
        codes, numbers = np.unique(status.values, return_counts=True)
        counter = failures.setdefault((unit.experiment.id, unit.cell_line), Counter())
        counter.update(dict(zip(codes.tolist(), numbers.tolist(), strict=True)))
        done += unit.runs
        if progress is not None:
            progress(f"simulation, {origin}", done, total)
    readouts: dict[str, dict[str, xr.DataArray]] = {
        experiment: join_lines({line: join_blocks(blocks) for line, blocks in by_line.items()})
        for experiment, by_line in lines.items()
    }
    more = {
        "origin": origin,
        "candidates": screening.table.attrs["candidates"],
        "trajectories": total,
        "seconds_screening": round(screened - clock, 2),
        "seconds_simulation": round(time.perf_counter() - screened, 2),
    }
    table = failure_table(failures)
    return conclude(study, screening.ensemble, screening.table, readouts, table, {**provenance, **more})


def _provenance(study: Study, versions: Mapping[str, str], command: str) -> dict[str, object]:
    """Give what identifies a run, whenever and wherever it is made."""
    return {
        "study": study.id,
        "study_digest": study.digest,
        "model": study.model.id,
        "model_digest": study.model.digest,
        "seed": study.seed,
        "draws": study.draws,
        "command": command,
        "versions": {**versions, "python": platform.python_version()},
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _adapt(study: Study, draws: int | None, seed: int | None) -> Study:
    if draws is not None:
        if draws < 1:
            raise InputError(f"draws is {draws}; expected at least one.")
        study = replace(study, draws=draws, candidates=max(study.candidates, 20 * draws))
    if seed is not None:
        if seed < 0:
            raise InputError(f"the seed is {seed}; expected zero or more.")
        study = replace(study, seed=seed)
    return study
