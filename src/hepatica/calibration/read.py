"""Reading a ``calibration.toml``: the library's measurements as a problem of parameter estimation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepatica.calibration.binding import igf1_binding, insulin_binding, insulin_timing
from hepatica.calibration.growth import growth
from hepatica.calibration.lines import Line, lines
from hepatica.calibration.parts import Datum
from hepatica.calibration.phospho import phospho
from hepatica.calibration.records import CalibrationRecord, ExpectedRecord
from hepatica.errors import InputError, did_you_mean
from hepatica.inference.problem import Estimate, Observable, Prior, Problem, Trial
from hepatica.library import load_model
from hepatica.library.files import read_record
from hepatica.model import Model

ROLES = ("fit", "held-out")
Wirings = Literal["fixed", "estimated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A model and everything that it is fitted to, and compared with afterwards.

    Parameters
    ----------
    id, title
        Name and title.
    problem
        All measurements; those with the role ``fit`` are fitted.
    groups, roles
        Data set and role of each measurement, shape (measurement,).
    lines
        By id.
    wirings
        Switches that the data may decide; they are parameters of the problem.
    prior_only
        Parameters that no fitted measurement depends on.
    expected
        How well groups of parameters were expected to be identified, before the fit.
    """

    id: str
    title: str
    problem: Problem
    groups: NDArray[np.str_]
    roles: NDArray[np.str_]
    lines: Mapping[str, Line]
    wirings: tuple[str, ...]
    prior_only: tuple[str, ...]
    expected: tuple[ExpectedRecord, ...] = ()

    def of(self, role: str = "fit", *, without: Sequence[str] = (), wirings: Wirings = "fixed") -> Problem:
        """Give the problem of the measurements of one role, without some data sets, its switches fixed or estimated.

        Parameters that only predictions depend on are estimated where the role is not ``fit``.
        """
        problem = self.problem.subset(self.rows(role, without=without))
        free = set(self.wirings if wirings == "estimated" else ()) | set(() if role == "fit" else self.prior_only)
        return replace(
            problem, parameters=tuple(replace(p, estimated=True) if p.id in free else p for p in problem.parameters)
        )

    def rows(self, role: str = "fit", *, without: Sequence[str] = ()) -> NDArray[np.int64]:
        """Give the places of the measurements of one role, without some data sets.

        Raises
        ------
        InputError
            When there is no such data set.
        """
        known = sorted(set(self.groups.tolist()))
        for name in without:
            if name not in known:
                raise InputError(
                    f"calibration '{self.id}' has no data set '{name}' to leave out.{did_you_mean(name, known)}"
                )
        return np.flatnonzero((self.roles == role) & ~np.isin(self.groups, list(without)))


def read_calibration(place: str | Path) -> Calibration:
    """Read a calibration.

    Parameters
    ----------
    place
        The file ``calibration.toml``, or its folder.

    Raises
    ------
    FormatError, InputError, NotFoundError
        When it is not what it should be, or names what is not there.
    """
    file = Path(place) / "calibration.toml" if Path(place).is_dir() else Path(place)
    record = read_record(file, CalibrationRecord)
    model = load_model(record.model)
    known = _with_priors(record, model)
    rest = tuple(n for n in known if _left_out(record, n))
    shared = {n: e for n, e in known.items() if n not in rest}
    found = {line.id: line for line in lines(record.line, model, shared)}
    estimates: list[Estimate] = [*shared.values(), *_switches(record, model)]
    estimates += [replace(known[n], estimated=False) for n in rest]
    estimates += [e for line in found.values() for e in line.own.values()]
    first = next(iter(found.values()))
    parts = [phospho(record.phospho, found), growth(record.growth, found)]
    if record.igf1_binding:
        parts.append(igf1_binding(record.igf1_binding))
    if record.insulin_binding:
        parts.append(insulin_binding(record.insulin_binding, first))
    if record.insulin_timing:
        parts.append(insulin_timing(record.insulin_timing, first))
    data = [d for part, _ in parts for d in part if d.role in ROLES]
    estimates += [e for _, more in parts for e in more]
    problem = _problem(record.id, model, estimates, data)
    ids = [e.id for e in estimates]
    for item in record.expected:
        for name in item.parameters:
            if name not in ids:
                raise InputError(
                    f"calibration '{record.id}' expects something of '{name}', and has no such parameter.{did_you_mean(name, ids)}"
                )
    return Calibration(
        id=record.id, title=record.title, problem=problem, lines=found, wirings=tuple(record.wirings), prior_only=rest,
        groups=np.array([d.group for d in data]), roles=np.array([d.role for d in data]), expected=tuple(record.expected),
    )  # fmt: skip


def _left_out(record: CalibrationRecord, name: str) -> bool:
    return name not in record.exceptions and any(fnmatchcase(name, pattern) for pattern in record.prior_only)


def _with_priors(record: CalibrationRecord, model: Model) -> dict[str, Estimate]:
    """The model's parameters that have a prior."""
    known = [p.id for p in model.parameters]
    for pattern in (*record.prior_only, *record.exceptions, *record.wirings):
        if not any(fnmatchcase(name, pattern) for name in known):
            raise InputError(f"calibration '{record.id}' names '{pattern}', and the model has no such parameter.")
    found = {}
    for p in model.parameters:
        if p.prior is None:
            continue
        if p.prior.distribution != "log-normal" or p.bounds is None:
            raise InputError(f"parameter '{p.id}' has no log-normal prior with bounds; a calibration needs one.")
        prior = Prior(distribution="normal", arguments=p.prior.arguments, on_scale=True)
        found[p.id] = Estimate(
            id=p.id, scale="log", lower=p.bounds[0], upper=p.bounds[1], nominal=p.value, prior=prior, start_prior=prior
        )
    return found


def _switches(record: CalibrationRecord, model: Model) -> list[Estimate]:
    values = {p.id: p.value for p in model.parameters}
    return [Estimate(id=w, lower=0.0, upper=1.0, nominal=values[w], estimated=False) for w in record.wirings]


def _problem(identity: str, model: Model, estimates: list[Estimate], data: list[Datum]) -> Problem:
    trials: dict[str, Trial] = {}
    observables: dict[str, Observable] = {}
    for d in data:
        trials.setdefault(d.trial.id, d.trial)
        observables.setdefault(d.observable.id, d.observable)
    where = {name: k for k, name in enumerate(trials)}
    which = {name: k for k, name in enumerate(observables)}
    return Problem(
        id=identity, model=model, parameters=tuple(estimates), trials=tuple(trials.values()), observables=tuple(observables.values()),
        trial=np.array([where[d.trial.id] for d in data]), observable=np.array([which[d.observable.id] for d in data]),
        times=np.array([d.time for d in data]), values=np.array([d.value for d in data]),
        censored=np.array([d.censored for d in data], np.int8),
    )  # fmt: skip
