"""Fitting problems of the PEtab benchmark collection, reduced to what a gradient costs.

Conditions, pre-equilibration, measurement times and nominal parameters are those of the problem; of each observable the states in
its formula are read. The objective is the sum of squared differences from half the nominal simulation, each relative to the
largest value of its state: the formulas, noise models and data of PEtab are left out, and so are the parameters in them.

Source: H. Hass et al., Bioinformatics 2019;35:3073-3082, doi:10.1093/bioinformatics/btz020, and the collection that grew from it.
"""

import csv
import io
import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from gradient_problems import Fit, half_of
from hepatica.assays import TimeCourse
from hepatica.compiler import compile_model
from hepatica.experiment import Arm, Change, Experiment, Intervention
from hepatica.model import Model
from hepatica.sbml import read_sbml
from models import conformance, prepare

FITTED = {
    "Boehm_JProteomeRes2014": "Boehm 2014",
    "Brannmark_JBC2010": "Brännmark 2010",
    "Bachmann_MSB2011": "Bachmann 2011",
    "Fujita_SciSignal2010": "Fujita 2010",
}
"""Whole problems, for fits."""
TITLES = {
    "Bachmann_MSB2011": "Bachmann 2011",
    "Lucarelli_CellSystems2018": "Lucarelli 2018",
    "Brannmark_JBC2010": "Brännmark 2010",
    "Isensee_JCB2018": "Isensee 2018",
    "Raia_CancerResearch2011": "Raia 2011",
    "Weber_BMC2015": "Weber 2015",
}
Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class _Tables:
    sbml: str
    conditions: dict[str, Row]
    measurements: list[Row]
    observables: list[Row]
    parameters: list[Row]


def archive() -> Path:
    """Give the file of the collection."""
    return conformance() / "benchmark-petab" / "benchmark-petab.zip"


def at_hand(name: str) -> bool:
    """Tell whether the collection at hand has a problem; some were left out of it."""
    if not archive().exists():
        return False
    with zipfile.ZipFile(archive()) as file:
        return any(f.startswith(f"Benchmark-Models/{name}/") for f in file.namelist())


def unpacked(name: str) -> Path:
    """Unpack a problem below the folder of the benchmarks' builds; gives its YAML file."""
    folder = Path(os.environ.get("HEPATICA_BENCH", "results/bench")).resolve() / "petab"
    with zipfile.ZipFile(archive()) as file:
        members = [f for f in file.namelist() if f.startswith(f"Benchmark-Models/{name}/")]
        file.extractall(folder, members)
    return folder / "Benchmark-Models" / name / f"{name}.yaml"


def _read(name: str) -> _Tables:
    with zipfile.ZipFile(archive()) as file:
        folder = f"Benchmark-Models/{name}/"

        def table(kind: str) -> list[Row]:
            text = file.read(f"{folder}{kind}_{name}.tsv").decode()
            return list(csv.DictReader(io.StringIO(text), delimiter="\t"))

        return _Tables(
            sbml=prepare(file.read(f"{folder}model_{name}.xml").decode(), None),
            conditions={row["conditionId"]: row for row in table("experimentalCondition")},
            measurements=table("measurementData"), observables=table("observables"), parameters=table("parameters"),
        )  # fmt: skip


def petab(name: str) -> Fit:
    """Read a problem from the conformance data."""
    tables = _read(name)
    model = read_sbml(tables.sbml)
    kernel = compile_model(model, ())
    nominal = {row["parameterId"]: float(row["nominalValue"]) for row in tables.parameters}
    model = _with_values(model, nominal)
    readable = {
        row["observableId"]: tuple(s for s in kernel.states if re.search(rf"\b{s}\b", row["observableFormula"]))
        for row in tables.observables
    }
    arms: dict[str, Arm] = {}
    read: dict[tuple[str, float], set[str]] = {}
    for row in tables.measurements:
        before, after = row.get("preequilibrationConditionId", ""), row["simulationConditionId"]
        arm = f"{before}|{after}"
        if arm not in arms:
            first = _changes(tables.conditions[before], nominal, None) if before else ()
            interventions = (
                Intervention(id=before or "none", changes=first),
                Intervention(id=after, changes=_changes(tables.conditions[after], nominal, 0.0 if before else None)),
            )
            arms[arm] = Arm(id=arm, interventions=interventions)
        read.setdefault((arm, float(row["time"])), set()).update(readable[row["observableId"]])
    names = tuple(sorted(set().union(*read.values())))
    times = tuple(sorted({t for _, t in read}))
    experiment = Experiment(
        id=name, arms=tuple(arms.values()), assay=TimeCourse(at=times, of=names),
        equilibrate=any(row.get("preequilibrationConditionId", "") for row in tables.measurements),
    )  # fmt: skip
    objective, absolute = half_of(model, experiment, lambda name, arm, t: name in read.get((arm, t), ()))
    estimated = [row["parameterId"] for row in tables.parameters if row["estimate"] == "1"]
    return Fit(
        name=name, title=TITLES[name], sbml=tables.sbml, model=model, experiment=experiment, objective=objective,
        wrt=tuple(p for p in estimated if p in kernel.parameters), absolute=absolute,
    )  # fmt: skip


def _with_values(model: Model, values: dict[str, float]) -> Model:
    return replace(model, parameters=tuple(replace(p, value=values.get(p.id, p.value)) for p in model.parameters))


def _changes(condition: Row, nominal: dict[str, float], start: float | None) -> tuple[Change, ...]:
    changes = []
    for target, text in condition.items():
        if target not in {"conditionId", "conditionName"} and text:
            value = nominal[text] if text in nominal else float(text)
            changes.append(Change(target=target, value=value, start=start))
    return tuple(changes)
