"""PEtab version 1 -> a problem."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
import petab.v1
from numpy.typing import NDArray
from petab.v1.measurements import split_parameter_replacement_list

from hepatica.errors import FormatError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.inference.censoring import measured
from hepatica.inference.files import beside, names_of, number, read_table, required
from hepatica.inference.formula import read_formula
from hepatica.inference.problem import Distribution, Estimate, Observable, Prior, Problem, Role, Scale, Trial
from hepatica.model import Expression, Model, Number, Symbol
from hepatica.model.expression import substitute, symbols
from hepatica.sbml import read_sbml

_PRIORS: Mapping[str, tuple[str, bool]] = {
    "uniform": ("uniform", False), "normal": ("normal", False), "laplace": ("laplace", False),
    "logNormal": ("log-normal", False), "logLaplace": ("log-laplace", False), "parameterScaleUniform": ("uniform", True),
    "parameterScaleNormal": ("normal", True), "parameterScaleLaplace": ("laplace", True),
}  # fmt: skip
_NAMES = frozenset({"conditionId", "conditionName"})


def read_petab_v1(file: Path, settings: Mapping[str, Any]) -> Problem:
    """Read a problem from the contents of its YAML file; see :func:`~hepatica.inference.petab.read_petab`."""
    path, tables = parts_of_v1(file, settings)
    return assemble(
        file.stem,
        read_sbml(path),
        tables["parameter"],
        tables["condition"],
        tables["observable"],
        tables["measurement"],
    )


def parts_of_v1(file: Path, settings: Mapping[str, Any]) -> tuple[Path, dict[str, pd.DataFrame]]:
    """Give the file of a problem's model, and its tables by their kind."""
    parts = required(settings, "problems", file)
    if not isinstance(parts, list) or len(parts) != 1:
        raise UnsupportedError(f"{file}: hepatica reads files with one problem; this has {len(parts)}.")
    part = parts[0]
    models = names_of(part, "sbml_files", file)
    if len(models) != 1:
        raise UnsupportedError(f"{file}: hepatica reads problems with one SBML file; this has {len(models)}.")
    parameters = read_table(
        file,
        names_of(settings, "parameter_file", file),
        petab.v1.get_parameter_df,
        ("parameterId", "estimate"),
        "parameterId",
    )
    conditions = read_table(
        file, names_of(part, "condition_files", file), petab.v1.get_condition_df, ("conditionId",), "conditionId"
    )
    observables = read_table(
        file, names_of(part, "observable_files", file), petab.v1.get_observable_df,
        ("observableId", "observableFormula", "noiseFormula"), "observableId",
    )  # fmt: skip
    measurements = read_table(
        file, names_of(part, "measurement_files", file), petab.v1.get_measurement_df,
        ("observableId", "simulationConditionId", "time", "measurement"),
    )  # fmt: skip
    tables = {"parameter": parameters, "condition": conditions, "observable": observables, "measurement": measurements}
    return beside(file, models[0]), tables


def assemble(
    id: str, model: Model, parameters: pd.DataFrame, conditions: pd.DataFrame, observables: pd.DataFrame,  # noqa: A002
    measurements: pd.DataFrame,
) -> Problem:  # fmt: skip
    """Make a problem of the tables of PEtab version 1, as its library reads them."""
    if measurements.empty:
        raise FormatError(f"problem '{id}' has no measurements; give one.")
    estimates = tuple(_estimate(str(name), row) for name, row in parameters.iterrows())
    before = _texts(measurements, "preequilibrationConditionId")
    after = _texts(measurements, "simulationConditionId")
    pairs = list(dict.fromkeys(zip(before, after, strict=True)))
    for name in dict.fromkeys(n for pair in pairs for n in pair if n):
        if name not in conditions.index:
            known = [str(c) for c in conditions.index]
            raise NotFoundError(
                f"a measurement names condition '{name}', which no table has.{did_you_mean(name, known)}"
            )
    trials = tuple(
        Trial(
            id=f"{first}+{second}" if first else second, before=_changes(conditions, first) if first else None,
            after=_changes(conditions, second),
        )
        for first, second in pairs
    )  # fmt: skip
    kinds = list(zip(
        _texts(measurements, "observableId"), _texts(measurements, "observableParameters"), _texts(measurements, "noiseParameters"),
        strict=True,
    ))  # fmt: skip
    distinct = list(dict.fromkeys(kinds))
    values, censored, limits = measured(measurements)
    return Problem(
        id=id, model=model, parameters=estimates, trials=trials, observables=tuple(_observable(observables, *k) for k in distinct),
        trial=np.array([pairs.index(p) for p in zip(before, after, strict=True)], np.int64),
        observable=np.array([distinct.index(k) for k in kinds], np.int64),
        times=_numbers(measurements, "time"), values=values, censored=censored, limits=limits,
    )  # fmt: skip


def _numbers(measurements: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return np.array(
        [number(x, f"measurement {k + 1}: the {column}") for k, x in enumerate(measurements[column])], float
    )


def _texts(table: pd.DataFrame, column: str) -> list[str]:
    """Give a column as text, empty where there is nothing."""
    if column not in table:
        return [""] * len(table)
    return ["" if pd.isna(x) else str(x) for x in table[column]]


def _text(row: "pd.Series[Any]", column: str, default: str) -> str:
    value = row.get(column)
    return default if value is None or pd.isna(value) or value == "" else str(value)


def _estimate(name: str, row: "pd.Series[Any]") -> Estimate:
    scale = _text(row, "parameterScale", "lin")
    if scale not in get_args(Scale):
        raise FormatError(f"parameter '{name}': the scale '{scale}' is none of {', '.join(get_args(Scale))}.")
    estimated = number(row["estimate"], f"parameter '{name}': 'estimate'")
    if estimated not in (0.0, 1.0):
        raise FormatError(f"parameter '{name}': 'estimate' is {estimated:g}; expected 0 or 1.")
    nominal = number(row.get("nominalValue"), f"parameter '{name}': nominalValue", np.nan)
    lower = number(row.get("lowerBound"), f"parameter '{name}': lowerBound", -np.inf)
    upper = number(row.get("upperBound"), f"parameter '{name}': upperBound", np.inf)
    if not estimated and np.isnan(nominal):
        raise FormatError(f"parameter '{name}' is not estimated and has no nominalValue; give one.")
    if lower > upper:
        raise FormatError(f"parameter '{name}' has the bounds {lower:g} and {upper:g}; expected the lower one first.")
    prior, drawn = (_prior(name, row, purpose) if estimated else None for purpose in ("objective", "initialization"))
    role = _text(row, "parameterType", "")
    if role not in ("", *get_args(Role)):
        raise FormatError(f"parameter '{name}': the parameterType '{role}' is none of {', '.join(get_args(Role))}.")
    return Estimate(
        role=role or None if estimated else None,  # type: ignore[arg-type]
        id=name, scale=scale, estimated=bool(estimated), nominal=nominal, lower=lower, upper=upper, prior=prior, start_prior=drawn,  # type: ignore[arg-type]
    )  # fmt: skip


def _prior(name: str, row: "pd.Series[Any]", purpose: str) -> Prior | None:
    kind = _text(row, f"{purpose}PriorType", "")
    if not kind:
        return None
    if kind not in _PRIORS:
        raise FormatError(f"parameter '{name}': the prior '{kind}' is none of {', '.join(_PRIORS)}.")
    text = _text(row, f"{purpose}PriorParameters", "")
    if kind == "parameterScaleUniform" and not text:  # between the bounds
        return None
    try:
        arguments = [float(x) for x in text.split(";")]
    except ValueError:
        arguments = []
    if len(arguments) != 2:
        raise FormatError(f"parameter '{name}': the prior has the arguments '{text}'; expected two numbers, 'a;b'.")
    distribution, on_scale = _PRIORS[kind]
    return Prior(distribution=distribution, arguments=(arguments[0], arguments[1]), on_scale=on_scale)  # type: ignore[arg-type]


def _changes(conditions: pd.DataFrame, name: str) -> dict[str, Expression]:
    """What a condition sets, without what it leaves open."""
    row = conditions.loc[name]
    return {
        str(c): _value(row[c]) for c in conditions.columns if c not in _NAMES and not pd.isna(row[c]) and row[c] != ""
    }


def _value(cell: object) -> Expression:
    """A number, or the name of a parameter."""
    try:
        return Number(float(cell))  # type: ignore[arg-type]
    except ValueError:
        return Symbol(str(cell))


def _observable(table: pd.DataFrame, name: str, scaling: str, noise: str) -> Observable:
    if name not in table.index:
        known = [str(x) for x in table.index]
        raise NotFoundError(f"a measurement names observable '{name}', which no table has.{did_you_mean(name, known)}")
    row = cast("pd.Series[Any]", table.loc[name])
    scale, distribution = _text(row, "observableTransformation", "lin"), _text(row, "noiseDistribution", "normal")
    for what, value, choices in (
        ("transformation", scale, get_args(Scale)),
        ("noise distribution", distribution, get_args(Distribution)),
    ):
        if value not in choices:
            raise FormatError(f"observable '{name}': the {what} '{value}' is none of {', '.join(choices)}.")
    values = _replacements("observable", name, scaling) | _replacements("noise", name, noise)
    formula = substitute(read_formula(_text(row, "observableFormula", ""), f"observable '{name}'"), values)
    spread = substitute(read_formula(_text(row, "noiseFormula", ""), f"noise of observable '{name}'"), values)
    spread = substitute(spread, {name: formula})
    for part, given in ((formula, scaling), (spread, noise)):
        open_ = sorted(
            s for s in symbols(part) if re.fullmatch(rf"(observable|noise)Parameter\d+_{re.escape(name)}", s)
        )
        if open_:
            raise FormatError(
                f"observable '{name}': '{open_[0]}' has no value in a measurement (given: '{given}'); give one."
            )
    return Observable(id=name, formula=formula, noise=spread, scale=scale, distribution=distribution)  # type: ignore[arg-type]


def _replacements(kind: str, name: str, text: str) -> dict[str, Expression]:
    values: Sequence[object] = split_parameter_replacement_list(text) if text else ()
    return {f"{kind}Parameter{k + 1}_{name}": _value(v) for k, v in enumerate(values)}
