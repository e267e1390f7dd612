"""A problem -> files of PEtab version 2."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hepatica.errors import InputError, StorageError, UnsupportedError
from hepatica.inference.censoring import BOUNDS, EXTENSION, NAMES, TYPE
from hepatica.inference.problem import Estimate, Observable, Prior, Problem, Trial
from hepatica.model import Apply, Expression, Model, Number, Parameter
from hepatica.model.expression import symbols, to_infix, walk
from hepatica.sbml import write_sbml

_RENAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_MISSING = frozenset({"floor", "ceil", "delay", "rateOf", "factorial"})
_ON_LOG = {"uniform": "log-uniform", "normal": "log-normal", "laplace": "log-laplace"}
LN10 = float(np.log(10.0))
YAML = """format_version: 2.0.0
id: {id}
parameter_files: [parameters.tsv]
model_files:
  model:
    location: model.xml
    language: sbml
condition_files: [conditions.tsv]
experiment_files: [experiments.tsv]
observable_files: [observables.tsv]
measurement_files: [measurements.tsv]
"""
EXTENDED = f"extensions:\n  {EXTENSION}:\n    version: 1.0.0\n    required: true\n"


def write_petab(problem: Problem, folder: str | Path) -> Path:
    """Write a problem as PEtab version 2.

    Version 2 knows no scales of parameters: all are linear in the files, with the same log-likelihood, and a prior on a
    logarithmic scale becomes that of the linear value. Its priors are truncated at the bounds, and flat between them where a
    parameter has none; starts of a fit are drawn from them, so that priors of starts are not in the files. Censored measurements
    have the columns of pyPESTO, and the file the required extension ``censored``.

    Parameters
    ----------
    problem
        What to write.
    folder
        Where to; it is made where it is not there.

    Returns
    -------
    Path
        The YAML file.

    Raises
    ------
    ModelError, InputError
        When a name is none of SBML or PEtab, or a formula has what PEtab's mathematics has not.
    StorageError
        When a file cannot be written.
    """
    folder = Path(folder)
    names = _identifiers(t.id or "experiment" for t in problem.trials)
    model = _model(problem)
    observed = _identifiers((o.id for o in problem.observables), _entities(model))
    conditions, experiments = _courses(problem, names)
    tables: dict[str, list[tuple[str, ...]]] = {
        "parameters": [
            (
                "parameterId",
                "lowerBound",
                "upperBound",
                "nominalValue",
                "estimate",
                "priorDistribution",
                "priorParameters",
            ),
            *(_parameter(p) for p in problem.parameters),
        ],
        "conditions": [("conditionId", "targetId", "targetValue"), *conditions],
        "experiments": [("experimentId", "time", "conditionId"), *experiments],
        "observables": [
            ("observableId", "observableFormula", "noiseFormula", "noiseDistribution"),
            *(_observable(name, o) for name, o in zip(observed, problem.observables, strict=True)),
        ],
        "measurements": [
            (
                "observableId",
                "experimentId",
                "time",
                "measurement",
                *(() if problem.censored is None else (TYPE, BOUNDS)),
            ),
            *(
                (observed[o], names[t], _number(time), _number(value), *_bounds(problem, k))
                for k, (o, t, time, value) in enumerate(
                    zip(problem.observable, problem.trial, problem.times, problem.values, strict=True)
                )
            ),
        ],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables.items():
            (folder / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
        file = folder / "problem.yaml"
        more = "" if problem.censored is None else EXTENDED
        file.write_text(YAML.format(id=_identifiers([problem.id])[0]) + more, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"the problem cannot be written to '{folder}' ({error.strerror}).") from error
    write_sbml(model, folder / "model.xml")
    return file


def _entities(model: Model) -> set[str]:
    """Names of the model that a condition may set, or a formula use."""
    parts = (model.parameters, model.species, model.compartments, model.reactions)
    return {entity.id for part in parts for entity in part}


def _model(problem: Problem) -> Model:
    """Give the model with what only formulas of observables and of noise use and conditions set: other tools look for it there."""
    targets = {t for trial in problem.trials for condition in trial.conditions for t in condition}
    more = sorted(targets - _entities(problem.model) - {p.id for p in problem.parameters})
    parameters = tuple(Parameter(id=name, value=1.0) for name in more)  # never read: a condition sets it
    return replace(problem.model, parameters=problem.model.parameters + parameters)


def _identifiers(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Turn names into different identifiers, which are none of those taken."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        unique = next(
            n
            for k in range(len(found) + len(taken) + 1)
            if (n := f"{plain}_{k + 1}" if k else plain) not in {*found, *taken}
        )
        found.append(unique)
    return found


def _number(value: float) -> str:
    return repr(float(value))


def _bounds(problem: Problem, k: int) -> tuple[str, ...]:
    """Give the cells of a measurement that say how it is censored."""
    if problem.censored is None:
        return ()
    code = int(problem.censored[k])
    bounds = [problem.values[k]] if code else []
    bounds += [problem.limits[k]] if code == 2 and problem.limits is not None else []
    return NAMES.get(code, ""), ";".join(_number(b) for b in bounds)


def formula(expression: Expression) -> str:
    """Write an expression in PEtab's mathematics."""
    for node in walk(expression):
        if isinstance(node, Apply) and node.operator in _MISSING:
            raise UnsupportedError(f"PEtab's mathematics has no '{node.operator}'; write the formula without it.")
        if isinstance(node, Number) and np.isnan(node.value):
            raise UnsupportedError(
                "PEtab's mathematics has no number that is none (NaN); write the formula without it."
            )
    for name in symbols(expression):
        if not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.ASCII):
            raise InputError(f"'{name}' is no name in PEtab's formulas; rename it to letters, digits and underscores.")
    text = to_infix(expression)
    return re.sub(r"\b(asin|acos|atan)\(", lambda m: f"{_RENAMED[m[1]]}(", text)


def _parameter(p: Estimate) -> tuple[str, ...]:
    prior = _linear(p)
    nominal = "" if np.isnan(p.nominal) else _number(p.nominal)
    kind = "" if prior is None else prior.distribution
    arguments = "" if prior is None else ";".join(_number(x) for x in prior.arguments)
    return p.id, _number(p.lower), _number(p.upper), nominal, str(p.estimated).lower(), kind, arguments


def _linear(p: Estimate) -> Prior | None:
    """Give the prior of the linear value."""
    prior = p.prior
    if prior is None or not prior.on_scale or p.scale == "lin":
        return prior
    unit = 1.0 if p.scale == "log" else LN10
    arguments = tuple(unit * x for x in prior.arguments)
    if prior.distribution == "uniform":
        arguments = tuple(float(np.exp(x)) for x in arguments)
    return replace(prior, distribution=_ON_LOG[prior.distribution], arguments=arguments, on_scale=False)  # type: ignore[arg-type]


def _observable(name: str, o: Observable) -> tuple[str, ...]:
    noise = o.noise if o.scale != "log10" else Apply("*", (Number(LN10), o.noise))
    kind = o.distribution if o.scale == "lin" else f"log-{o.distribution}"
    return name, formula(o.formula), formula(noise), kind


def _courses(problem: Problem, names: Sequence[str]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Rows of the tables of conditions and of experiments; equal conditions are one."""
    known: dict[tuple[tuple[str, str], ...], str] = {}
    experiments: list[tuple[str, ...]] = []
    for name, trial in zip(names, problem.trials, strict=True):
        for time, changes in _periods(problem, trial):
            rows = tuple((target, formula(value)) for target, value in changes.items())
            condition = known.setdefault(rows, f"condition_{len(known)}") if rows else ""
            experiments.append((name, _number(time), condition))
    conditions: list[tuple[str, ...]] = [
        (condition, target, value) for rows, condition in known.items() for target, value in rows
    ]
    return conditions, experiments


def _periods(problem: Problem, trial: Trial) -> list[tuple[float, Mapping[str, Expression]]]:
    """What is done in each period, where what an earlier one did lasts."""
    first = dict(trial.after)
    before = trial.before or {}
    moving = {s.id for s in problem.model.species} | {r.variable for r in problem.model.rules}
    moving |= {target for event in problem.model.events for target, _ in event.assignments}
    moving |= {target for t in problem.trials for _, changes in t.later for target in changes}
    values = {p.id: p.value for p in problem.model.parameters} | {c.id: c.size for c in problem.model.compartments}
    for target in before.keys() - moving - first.keys():
        if target not in values:
            raise InputError(
                f"trial '{trial.id}' sets '{target}' only before it starts; give it a value from then on, too."
            )
        first[target] = Number(values[target])
    first = {target: value for target, value in first.items() if target in moving or before.get(target) != value}
    later = dict(trial.later)
    periods = {trial.start: first | dict(later.pop(trial.start, {}))} | later
    return [*([] if trial.before is None else [(-np.inf, before)]), *periods.items()]
