"""A time course of any model, for one or many parameter sets, to a file or a stream."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import xarray as xr

from hepatica.assays import TimeCourse
from hepatica.ensemble import Ensemble, draw_around, draw_prior
from hepatica.errors import InputError, NotFoundError, StorageError, did_you_mean
from hepatica.experiment import Arm, Experiment
from hepatica.failed import failures
from hepatica.library import list_models, load_model, load_wirings
from hepatica.model import Model
from hepatica.solver import Tolerances
from hepatica.streaming import simulate_blocks, stored_draws, write_blocks, write_table

BLOCK_BYTES = 2**26
"""What a block of draws may take, as far as the model tells."""
SHOWN = 5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is simulated.

    Parameters
    ----------
    model
        Any model.
    readings
        Times, and what is read.
    given
        Parameters and initial values that replace the model's own.
    draws, sigma, seed
        Parameter sets: none of them drawn where ``draws`` is 0; else from the priors, or around the model's values where there is a
        ``sigma``.
    tolerances
        Accuracy.
    """

    model: Model
    readings: TimeCourse
    given: Mapping[str, float]
    draws: int
    sigma: float | None
    seed: int
    tolerances: Tolerances

    @property
    def size(self) -> int:
        """Number of runs."""
        return max(1, self.draws)

    @property
    def experiment(self) -> Experiment:
        """One arm, from the model's initial values."""
        return Experiment(id="course", arms=(Arm(id="control"),), assay=self.readings, equilibrate=False)

    def blocks(self, start: int = 0) -> Iterator[Ensemble | None]:
        """Give the parameter sets from a draw on, block by block; ``None`` for the model's own."""
        names = len(self.readings.of) or len(self.model.species) + len(self.model.rules) + 1
        size = max(1, BLOCK_BYTES // (8 * len(self.readings.times) * names))
        for first in range(start, self.size, size):
            yield self._with_given(self._drawn(min(size, self.size - first), first))

    def _drawn(self, draws: int, start: int) -> Ensemble | None:
        if not self.draws:
            return None
        if self.sigma is not None:
            return draw_around(self.model, draws, sigma=self.sigma, seed=self.seed, start=start)
        own = not self.model.foreign and self.model.id in list_models()
        wirings = load_wirings(self.model.id) if own else ()
        return draw_prior(self.model, draws, seed=self.seed, start=start, wirings=wirings)

    def _with_given(self, ensemble: Ensemble | None) -> Ensemble | None:
        if not self.given:
            return ensemble
        names = np.array(list(self.given), np.str_)
        index = np.zeros(1, np.int64) if ensemble is None else ensemble.draws["draw"].values
        columns = xr.DataArray(
            np.tile(list(self.given.values()), (len(index), 1)), coords={"draw": index, "parameter": names}, dims=("draw", "parameter")
        )  # fmt: skip
        if ensemble is None:
            return Ensemble(draws=columns, origin="nominal", seed=0)
        kept = ensemble.draws.sel(parameter=[n for n in ensemble.parameters if n not in self.given]).drop_vars("unit")
        return Ensemble(draws=xr.concat([kept, columns], dim="parameter"), origin=ensemble.origin, seed=ensemble.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """How many runs failed, and the first of them in words."""

    count: int
    sentences: tuple[str, ...]


def plan_course(
    name: str, *, until: float, points: int, of: Sequence[str] = (), given: Sequence[str] = (), draws: int = 0,
    sigma: float | None = None, seed: int = 1, tolerances: Tolerances | None = None,
) -> Course:  # fmt: skip
    """Read a model, and say what is to be simulated.

    Parameters
    ----------
    name
        A file of SBML or Antimony, or a model of the library.
    until, points
        Last reading, and how many there are from zero on, evenly spaced.
    of
        What is read; everything when empty.
    given
        Texts ``NAME=VALUE``.
    draws, sigma, seed, tolerances
        As in :class:`Course`.

    Raises
    ------
    HepaticaError
        When the model cannot be read, or a number is out of range.
    """
    if not (math.isfinite(until) and until > 0):
        raise InputError(f"--until is {until}; expected a finite time above zero.")
    if points < 2:
        raise InputError(f"--points is {points}; expected at least 2.")
    if draws < 0:
        raise InputError(f"--draws is {draws}; expected zero or more.")
    if sigma is not None and not draws:
        raise InputError("--sigma says how parameter sets scatter, but none is drawn; give --draws too.")
    model = load_model(name)
    if draws and sigma is None and not any(p.prior for p in model.parameters):
        raise InputError(f"model '{model.id}' has no priors to draw from; give --sigma too, such as --sigma 0.5.")
    return Course(
        model=model, readings=TimeCourse(at=tuple(np.linspace(0.0, until, points).tolist()), of=tuple(of)),
        given=dict(_assignment(text, model) for text in given), draws=draws, sigma=sigma, seed=seed,
        tolerances=tolerances or Tolerances(),
    )  # fmt: skip


def _assignment(text: str, model: Model) -> tuple[str, float]:
    name, sign, value = (part.strip() for part in text.partition("="))
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (name and sign and math.isfinite(number)):
        raise InputError(f"--set was given '{text}'; expected NAME=VALUE with a finite number, such as k1=0.5.")
    known = [*(p.id for p in model.parameters), *(s.id for s in model.species), *(c.id for c in model.compartments)]
    if name not in known:
        local = [k for k in known if k.endswith(f".{name}")]
        hint = f" Did you mean '{local[0]}'?" if local else did_you_mean(name, known)
        raise NotFoundError(f"model '{model.id}' has no parameter, species or compartment '{name}'.{hint}")
    if name in {r.variable for r in model.rules} | {a.symbol for a in model.initial_assignments}:
        raise InputError(f"'{name}' is computed by model '{model.id}' and cannot be set; set what it is computed from.")
    return name, number


def write_course(
    course: Course, path: Path | None, stream: TextIO, *, threads: int | None = None, resume: bool = False,
    progress: Progress | None = None,
) -> Failed:  # fmt: skip
    """Simulate a course into a file, or a stream where there is none.

    Parameters
    ----------
    course
        What is simulated.
    path
        ``FILE.nc`` for netCDF, ``FILE.csv`` for comma-separated values.
    stream
        Where these go when there is no file.
    threads
        Worker threads; all cores when ``None``.
    resume
        Whether to go on in a netCDF file of an interrupted run.
    progress
        Called with a word, the runs done, and all runs.

    Raises
    ------
    HepaticaError
        When the file is of another kind, exists, or cannot be written, or a name is unknown.
    """
    kind = "" if path is None else path.suffix.lower()
    if kind not in {"", ".nc", ".csv"} or (path is not None and not kind):
        raise InputError(f"--out is '{path}'; expected a file that ends in .nc or .csv.")
    if resume and kind != ".nc":
        raise InputError("--resume goes on with a netCDF file; give --out FILE.nc.")
    if path is not None and path.exists() and not resume:
        raise InputError(f"'{path}' exists; remove it, give another name, or go on with --resume (netCDF).")
    done = stored_draws(path) if path is not None and resume else 0
    failed = _Counting(course.size, done, progress)
    ready = simulate_blocks(
        course.model, course.experiment, course.blocks(done), threads=threads, tolerances=course.tolerances
    )
    if done >= course.size:
        return failed.result
    if path is None:
        write_table(failed.watch(ready), stream)
    elif kind == ".nc":
        write_blocks(failed.watch(ready), path, append=resume)
    else:
        _write_csv(failed.watch(ready), path)
    return failed.result


def _write_csv(blocks: Iterable[xr.Dataset], path: Path) -> None:
    """The file appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            write_table(blocks, file)
        part.replace(path)
    except OSError as error:
        raise StorageError(f"the course could not be written to '{path}': {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


class _Counting:
    """Counts runs and failures as blocks pass."""

    def __init__(self, total: int, done: int, progress: Progress | None) -> None:
        self.total, self.done, self.progress = total, done, progress
        self.sentences: list[str] = []
        self.count = 0

    @property
    def result(self) -> Failed:
        return Failed(count=self.count, sentences=tuple(self.sentences))

    def watch(self, blocks: Iterable[xr.Dataset]) -> Iterator[xr.Dataset]:
        for block in blocks:
            told = failures(block)
            self.count += len(told)
            self.sentences += told[: SHOWN - len(self.sentences)]
            yield block
            self.done += block.sizes["draw"]
            if self.progress is not None and self.total > 1:
                self.progress("runs", self.done, self.total)
