"""PEtab version 2 -> a problem.

Source: https://petab.readthedocs.io/en/latest/v2/documentation_data_format.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hepatica.errors import FormatError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.inference.censoring import EXTENSION, measured
from hepatica.inference.files import beside, names_of, number, read_table, required
from hepatica.inference.formula import read_formula
from hepatica.inference.problem import Distribution, Estimate, Observable, Prior, Problem, Scale, Trial
from hepatica.model import Expression, Model, Symbol
from hepatica.model.expression import substitute, symbols
from hepatica.sbml import read_sbml

_NOISE: Mapping[str, tuple[Scale, Distribution]] = {
    "normal": ("lin", "normal"), "laplace": ("lin", "laplace"), "log-normal": ("log", "normal"), "log-laplace": ("log", "laplace"),
}  # fmt: skip
_PRIORS: Mapping[str, int] = {
    "uniform": 2, "normal": 2, "laplace": 2, "log-uniform": 2, "log-normal": 2, "log-laplace": 2, "cauchy": 2, "chisquare": 1,
    "exponential": 1, "gamma": 2, "rayleigh": 1,
}  # fmt: skip
Changes = Mapping[str, Expression]


def read_petab_v2(file: Path, settings: Mapping[str, Any]) -> Problem:
    """Read a problem from the contents of its YAML file; see :func:`~hepatica.inference.petab.read_petab`."""
    path, tables = parts_of_v2(file, settings)
    return assemble(str(settings.get("id") or file.stem), read_sbml(path), tables)


def parts_of_v2(file: Path, settings: Mapping[str, Any]) -> tuple[Path, dict[str, pd.DataFrame]]:
    """Give the file of a problem's model, and its tables by their kind."""
    extensions = settings.get("extensions") or {}
    if not isinstance(extensions, Mapping):
        raise FormatError(f"{file}: 'extensions' is '{extensions}'; expected a mapping.")
    for name, extension in extensions.items():
        if name == EXTENSION:
            continue
        if not isinstance(extension, Mapping) or extension.get("required", True):
            raise UnsupportedError(f"{file}: the problem needs the extension '{name}', which hepatica does not have.")
    models = required(settings, "model_files", file)
    if not isinstance(models, Mapping) or len(models) != 1:
        count = len(models) if isinstance(models, Mapping) else 0
        raise UnsupportedError(f"{file}: hepatica reads problems with one model; this has {count}.")
    (entry,) = models.values()
    if (language := str(required(entry, "language", file))) != "sbml":
        raise UnsupportedError(f"{file}: the model is in the language '{language}'; hepatica reads 'sbml'.")
    needed = {
        "parameter": ("parameterId", "estimate"), "observable": ("observableId", "observableFormula", "noiseFormula"),
        "measurement": ("observableId", "time", "measurement"), "condition": ("conditionId", "targetId", "targetValue"),
        "experiment": ("experimentId", "time", "conditionId"), "mapping": ("petabEntityId", "modelEntityId"),
    }  # fmt: skip
    tables = {}
    for kind, columns in needed.items():
        if settings.get(f"{kind}_files") or kind in ("parameter", "observable", "measurement"):
            key = columns[0] if kind in ("parameter", "observable", "mapping") else None
            tables[kind] = read_table(file, names_of(settings, f"{kind}_files", file), lambda x: x, columns, key)
        else:
            tables[kind] = pd.DataFrame(columns=list(columns))
    return beside(file, required(entry, "location", file)), tables


def assemble(id: str, model: Model, tables: Mapping[str, pd.DataFrame]) -> Problem:  # noqa: A002
    """Make a problem of the tables of PEtab version 2 by their kind: parameter, observable, measurement, condition, ..."""
    aliases = {
        str(row["petabEntityId"]): Symbol(str(row["modelEntityId"]))
        for _, row in tables["mapping"].iterrows() if text(row, "modelEntityId") and row["modelEntityId"] != row["petabEntityId"]
    }  # fmt: skip
    estimates = tuple(_estimate(row) for _, row in tables["parameter"].iterrows())
    made = _Trials(model, {p.id for p in estimates}, _conditions(tables["condition"], aliases))
    measurements = [row for _, row in tables["measurement"].iterrows()]
    if not measurements:
        raise FormatError(f"problem '{id}' has no measurements; give one.")
    experiments = _experiments(tables["experiment"])
    used = list(dict.fromkeys(text(m, "experimentId") for m in measurements))
    for name in used:
        if name and name not in experiments:
            raise NotFoundError(
                f"a measurement names experiment '{name}', which no table has.{did_you_mean(name, experiments)}"
            )
    courses = {name: experiments.get(name, {}) for name in used}
    trials = made.trials(courses)
    kinds = [
        tuple(text(m, c) for c in ("observableId", "observableParameters", "noiseParameters")) for m in measurements
    ]
    distinct = list(dict.fromkeys(kinds))
    observables = _observables(tables["observable"], distinct, aliases)
    times = np.array([number(m["time"], f"measurement {k + 1}: the time") for k, m in enumerate(measurements)])
    trial = np.array([used.index(text(m, "experimentId")) for m in measurements], np.int64)
    resting = np.array([set(courses[name]) == {-np.inf} for name in used])[trial]  # what is at rest is so at all times
    values, censored, limits = measured(tables["measurement"])
    return Problem(
        id=id, model=model, parameters=estimates, trials=trials, observables=observables, trial=trial,
        observable=np.array([distinct.index(k) for k in kinds], np.int64), times=np.where(resting, np.inf, times),
        values=values, censored=censored, limits=limits,
    )  # fmt: skip


def text(row: "pd.Series[Any]", column: str, default: str = "") -> str:
    """Give a cell as text; the default where it is empty or not there."""
    value = row.get(column)
    return default if value is None or pd.isna(value) or str(value).strip() == "" else str(value).strip()


def _estimate(row: "pd.Series[Any]") -> Estimate:
    name, flag = text(row, "parameterId"), text(row, "estimate").lower()
    if flag not in ("true", "false"):
        raise FormatError(f"parameter '{name}': 'estimate' is '{flag}'; expected true or false.")
    estimated = flag == "true"
    nominal = number(row.get("nominalValue"), f"parameter '{name}': nominalValue", np.nan)
    lower = number(row.get("lowerBound"), f"parameter '{name}': lowerBound", -np.inf)
    upper = number(row.get("upperBound"), f"parameter '{name}': upperBound", np.inf)
    if not estimated and np.isnan(nominal):
        raise FormatError(f"parameter '{name}' is not estimated and has no nominalValue; give one.")
    if lower > upper:
        raise FormatError(f"parameter '{name}' has the bounds {lower:g} and {upper:g}; expected the lower one first.")
    prior = _prior(name, row, lower, upper) if estimated else None
    drawn = prior if text(row, "priorDistribution") else None  # version 2 draws starts from the prior
    return Estimate(
        id=name, lower=lower, upper=upper, nominal=nominal, estimated=estimated, prior=prior, start_prior=drawn
    )


def _prior(name: str, row: "pd.Series[Any]", lower: float, upper: float) -> Prior | None:
    kind, given = text(row, "priorDistribution"), text(row, "priorParameters")
    if not kind:  # flat between the bounds
        bounded = np.isfinite(lower) and np.isfinite(upper) and lower < upper
        return Prior(distribution="uniform", arguments=(lower, upper), truncated=True) if bounded else None
    if kind not in _PRIORS:
        raise FormatError(f"parameter '{name}': the prior '{kind}' is none of {', '.join(_PRIORS)}.")
    try:
        arguments = tuple(float(x) for x in given.split(";"))
    except ValueError:
        arguments = ()
    if len(arguments) != _PRIORS[kind]:
        raise FormatError(
            f"parameter '{name}': the prior has the arguments '{given}'; '{kind}' takes {_PRIORS[kind]}, separated by ';'."
        )
    return Prior(distribution=kind, arguments=arguments, truncated=True)  # type: ignore[arg-type]


def _conditions(table: pd.DataFrame, aliases: Mapping[str, Expression]) -> dict[str, dict[str, Expression]]:
    found: dict[str, dict[str, Expression]] = {}
    for _, row in table.iterrows():
        name, target = text(row, "conditionId"), text(row, "targetId")
        changes = found.setdefault(name, {})
        alias = aliases.get(target)
        target = alias.name if isinstance(alias, Symbol) else target
        if target in changes:
            raise FormatError(f"condition '{name}' sets '{target}' twice; keep one.")
        value = read_formula(text(row, "targetValue"), f"condition '{name}', target '{target}'")
        changes[target] = substitute(value, aliases)
    return found


def _experiments(table: pd.DataFrame) -> dict[str, dict[float, list[str]]]:
    """Conditions of each experiment by the times at which they begin."""
    found: dict[str, dict[float, list[str]]] = {}
    for _, row in table.iterrows():
        name = text(row, "experimentId")
        time = number(row["time"], f"experiment '{name}': the time")
        if time == np.inf:
            raise FormatError(f"experiment '{name}': a period begins at time inf; expected a number or -inf.")
        conditions = found.setdefault(name, {}).setdefault(time, [])
        if text(row, "conditionId"):
            conditions.append(text(row, "conditionId"))
    return {name: dict(sorted(periods.items())) for name, periods in found.items()}


@dataclass(frozen=True)
class _Trials:
    """Turns experiments into trials."""

    model: Model
    table: set[str]
    conditions: Mapping[str, Changes]

    def trials(self, experiments: Mapping[str, Mapping[float, Sequence[str]]]) -> tuple[Trial, ...]:
        """Give a trial for each experiment.

        What a first period changes is there from the start. Later periods, and first ones after a pre-equilibration whose values
        depend on the state or that change a volume, are changes during the run.
        """
        periods = {n: {t: self._merged(n, t, c) for t, c in e.items()} for n, e in experiments.items()}
        later = {
            target for e in periods.values() for k, changes in enumerate(e.values()) for target in changes if k > 0
        }
        sizes = {c.id for c in self.model.compartments}
        changing = (later & sizes) | {r.variable for r in self.model.rules}
        changing |= {target for event in self.model.events for target, _ in event.assignments}
        inside = {s.id for s in self.model.species if s.compartment in changing}
        during: dict[str, bool] = {}
        for name, e in periods.items():
            main = [t for t in e if np.isfinite(t)]
            first = e[main[0]] if main else {}
            swelling = -np.inf in e and bool(first.keys() & (sizes | inside))
            during[name] = swelling or not self._plain(first, later)
        jumping = {
            target for n, e in periods.items() for k, t in enumerate(t for t in e if np.isfinite(t)) for target in e[t]
            if k > 0 or during[n]
        }  # fmt: skip
        moving = jumping | changing | {s.id for s in self.model.species}
        return tuple(self._trial(n, e, moving, during=during[n]) for n, e in periods.items())

    def _merged(self, experiment: str, time: float, names: Sequence[str]) -> dict[str, Expression]:
        merged: dict[str, Expression] = {}
        for name in names:
            if name not in self.conditions:
                raise NotFoundError(
                    f"experiment '{experiment}' names condition '{name}', which no table has.{did_you_mean(name, self.conditions)}"
                )
            for target, value in self.conditions[name].items():
                if target in merged:
                    raise FormatError(f"experiment '{experiment}' sets '{target}' twice at time {time:g}; keep one.")
                if target in self.table:
                    raise FormatError(
                        f"condition '{name}' sets '{target}', which the table of parameters gives; keep one of both."
                    )
                merged[target] = value
        return merged

    def _plain(self, changes: Changes, later: set[str]) -> bool:
        """Tell whether values follow from what never changes."""
        set_ = {target for c in self.conditions.values() for target in c} | later
        set_ |= {r.variable for r in self.model.rules} | {a.symbol for a in self.model.initial_assignments}
        set_ |= {target for event in self.model.events for target, _ in event.assignments}
        fixed = self.table | ({p.id for p in self.model.parameters} - set_)
        return all(
            symbols(value) <= fixed or not symbols(value) & self.model.by_id.keys() for value in changes.values()
        )

    def _trial(
        self, name: str, periods: Mapping[float, dict[str, Expression]], moving: set[str], *, during: bool
    ) -> Trial:
        main = [(t, changes) for t, changes in periods.items() if np.isfinite(t)]
        before = periods.get(-np.inf)
        if not main:
            return Trial(id=name, after=before or {})
        start, first = main[0]
        if before is not None and self.model.events:
            self._require_quiet(name, first)
        lasting = {target: value for target, value in (before or {}).items() if target not in moving}
        later = main if during else main[1:]
        return Trial(
            id=name, before=before, start=start, after=lasting if during else lasting | first,
            later=tuple((t, changes) for t, changes in later if changes),
        )  # fmt: skip

    def _require_quiet(self, name: str, first: Changes) -> None:
        """Events after a pre-equilibration: whether one happens at its end must not depend on what it was before."""
        rules = {r.variable: r.expression for r in self.model.rules if r.kind == "assignment"}
        for event in self.model.events:
            seen, stack = set[str](), [event.trigger]
            while stack:
                new = symbols(stack.pop()) - seen
                seen |= new
                stack += [rules[n] for n in new if n in rules]
            if not event.initial_value or seen & first.keys():
                raise UnsupportedError(
                    f"experiment '{name}' begins with a pre-equilibration, and event '{event.id}' may happen at its end; hepatica "
                    "does not do both."
                )


def _observables(
    table: pd.DataFrame, kinds: Sequence[tuple[str, ...]], aliases: Mapping[str, Expression]
) -> tuple[Observable, ...]:
    rows = {text(row, "observableId"): row for _, row in table.iterrows()}
    formulas = {n: read_formula(text(row, "observableFormula"), f"observable '{n}'") for n, row in rows.items()}
    found = []
    for name, scaling, noise in kinds:
        if name not in rows:
            raise NotFoundError(
                f"a measurement names observable '{name}', which no table has.{did_you_mean(name, rows)}"
            )
        row = rows[name]
        kind = text(row, "noiseDistribution", "normal")
        if kind not in _NOISE:
            raise FormatError(f"observable '{name}': the noise distribution '{kind}' is none of {', '.join(_NOISE)}.")
        values = _replacements(row, name, "observable", scaling) | _replacements(row, name, "noise", noise)
        formula = substitute(substitute(formulas[name], values), aliases)
        spread = substitute(read_formula(text(row, "noiseFormula"), f"noise of observable '{name}'"), values)
        spread = substitute(substitute(spread, formulas | {name: formula}), aliases)
        scale, distribution = _NOISE[kind]
        found.append(Observable(id=name, formula=formula, noise=spread, scale=scale, distribution=distribution))
    return tuple(found)


def _replacements(row: "pd.Series[Any]", name: str, kind: str, given: str) -> dict[str, Expression]:
    places = [p.strip() for p in text(row, f"{kind}Placeholders").split(";") if p.strip()]
    values = [v.strip() for v in given.split(";")] if given else []
    if len(values) != len(places):
        raise FormatError(
            f"observable '{name}' has {len(places)} {kind} placeholders, and a measurement gives '{given}'; give each a value."
        )
    where = f"{kind} parameters of a measurement of '{name}'"
    return {place: read_formula(value, where) for place, value in zip(places, values, strict=True)}
