"""The problems of the benchmark: a model as SBML, its parameter sets, its initial states and its output times.

All engines read the same SBML text, in which local parameters are global. Every positive parameter that is not an exponent
varies, log-normal with sigma 0.5, around the model's value. The public models stand in the conformance data beside the
checkout (``$HEPATICA_CONFORMANCE``, else ``../shared/conformance``).
"""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import libsbml
import numpy as np
from numpy.typing import NDArray

import hepatica.library as library
from hepatica.compiler import Kernel, compile_model
from hepatica.ensemble import draw_prior
from hepatica.experiment import Arm, Change, Experiment, Intervention
from hepatica.model import Apply, Expression, Model, Symbol
from hepatica.sbml import read_sbml, write_sbml
from hepatica.simulation import arm_operations, parameter_matrix
from hepatica.solver import Plan, Tolerances, Trajectories, find_steady_states, integrate, plan_after, plan_before

SIGMA = 0.5
OUTPUTS = 50
CLOCK = "time"
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What every engine integrates.

    Parameters
    ----------
    name, title
        Short and long name.
    sbml
        The model as all engines read it.
    model
        The same, as hepatica holds it.
    p
        Parameters, shape (draw, parameter), in the order of ``kernel.parameters``.
    varied
        Columns of ``p`` that differ between draws.
    y0
        Initial states, shape (draw, state); ``None``: the model's own.
    horizon
        Length of a trajectory in the model's unit of time.
    absolute
        Value below which a state is of no interest, in the states' unit: absolute tolerances are ``rtol * absolute``, and
        errors are taken relative to ``largest value + absolute / 100``.
    outputs, kept
        Number of output times; which states are kept, all by default.
    """

    name: str
    title: str
    sbml: str
    model: Model
    p: Array
    varied: NDArray[np.int64]
    y0: Array | None
    horizon: float
    absolute: float
    outputs: int = OUTPUTS
    kept: tuple[str, ...] = ()

    @cached_property
    def kernel(self) -> Kernel:
        """The compiled model; every state but the clock is read out."""
        return compile_model(self.model, self.states)

    @cached_property
    def narrow(self) -> Kernel:
        """The same for single runs."""
        return compile_model(self.model, self.states, lanes=1)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Names of what is compared."""
        return self.kept or tuple(s for s in compile_model(self.model, ()).states if s != CLOCK)

    @cached_property
    def times(self) -> Array:
        """Output times."""
        return np.linspace(0.0, self.horizon, self.outputs)

    def run(self, rtol: float, method: str, draws: int, *, threads: int = 1) -> Trajectories:
        """Integrate the first draws with hepatica."""
        return self._integrate(self.kernel, rtol, method, np.arange(draws), threads)

    def run_one(self, rtol: float, method: str, draw: int) -> Trajectories:
        """Integrate one draw alone with hepatica."""
        return self._integrate(self.narrow, rtol, method, np.array([draw]), 1)

    def _integrate(
        self, kernel: Kernel, rtol: float, method: str, rows: NDArray[np.int64], threads: int
    ) -> Trajectories:
        start = rows if self.y0 is not None else np.full(len(rows), -1)
        tasks = np.column_stack([np.zeros(len(rows), np.int64), rows, start])
        tolerances = Tolerances(rtol=rtol, atol=rtol * self.absolute, method=method)
        still: Plan = plan_after([[]], equilibrated=self.y0 is not None)
        return integrate(kernel, still, tasks, self.p, self.times, y0=self.y0, tolerances=tolerances, threads=threads)


def conformance() -> Path:
    """Give the folder of the conformance data."""
    checkout = Path(__file__).resolve().parents[1]
    return Path(os.environ.get("HEPATICA_CONFORMANCE", checkout.parent / "shared" / "conformance"))


def hcc(draws: int) -> Problem:
    """The project's own model: 5 uM sorafenib for 72 h from the steady state of each draw of the prior."""
    model = library.load_model("hcc")
    kernel = compile_model(model, ())
    bath = Intervention(id="dose", changes=(Change(target="sorafenib_nominal", value=5.0, unit="uM", start=0.0),))
    experiment = Experiment(
        id="bench",
        arms=(Arm(id="dose", interventions=(bath,)),),
        assay=_Nothing(),
        cell_line=library.load_cell_line("HepG2"),
    )
    operations = [arm_operations(model, kernel, experiment, arm) for arm in experiment.arms]
    base = parameter_matrix(kernel, draw_prior(model, 2 * draws + 10, seed=1, wirings=library.load_wirings("hcc")))
    tasks = np.array([[0, d, -1] for d in range(len(base))])
    found = find_steady_states(kernel, plan_before(operations), tasks, base)
    settled = np.flatnonzero(found.status == 0)[:draws]
    changes = plan_after(operations, equilibrated=True).arrays
    p = np.array([_apply(row, changes[2:6]) for row in base[settled]])
    return Problem(
        name="hcc", title="HCC (this project)", sbml=write_sbml(model), model=model, p=p, varied=np.arange(p.shape[1]),
        y0=np.array([_apply(row, changes[6:10]) for row in found.values[settled]]), horizon=72 * 60.0, absolute=1e-2,
    )  # fmt: skip


def bachmann(draws: int) -> Problem:
    """JAK2-STAT5 signalling after Epo for 240 min (Bachmann 2011)."""
    return _public("bachmann", "Bachmann 2011", draws, 240.0, 1e-3)


def borisov(draws: int) -> Problem:
    """EGF and insulin crosstalk for 1 h (Borisov 2009)."""
    return _public("borisov", "Borisov 2009", draws, 3600.0, 1e-3)


def bidkhori(draws: int) -> Problem:
    """EGFR signalling for 1 h (Bidkhori 2012)."""
    return _public("bidkhori", "Bidkhori 2012", draws, 3600.0, 1e-6)


def chen(draws: int) -> Problem:
    """ErbB signalling for 1 h (Chen 2009), the ligand present from the start."""
    return _public("chen", "Chen 2009", draws, 3600.0, 1e-1, rules_at=3600.0)


def sparced(draws: int) -> Problem:
    """The whole cell model SPARCED for 24 h."""
    return _public("sparced", "SPARCED", draws, 24 * 3600.0, 1e-3)


PROBLEMS: dict[str, Callable[[int], Problem]] = {
    f.__name__: f for f in (hcc, bachmann, borisov, bidkhori, chen, sparced)
}

FILES = {
    "bachmann": ("biomodels", "models/BIOMD0000000347.xml"),
    "borisov": ("biomodels", "models/BIOMD0000000223.xml"),
    "bidkhori": ("biomodels", "models/BIOMD0000000452.xml"),
    "chen": ("biomodels", "models/BIOMD0000000255.xml"),
    "sparced": ("field-models", "sparced/SPARCED.xml"),
}


def available(name: str) -> bool:
    """Tell whether the model of a problem is at hand."""
    return name not in FILES or _archive(name).exists()


def _archive(name: str) -> Path:
    folder = FILES[name][0]
    return conformance() / folder / f"{folder}.zip"


def _public(
    name: str, title: str, draws: int, horizon: float, absolute: float, rules_at: float | None = None
) -> Problem:
    sbml = prepare(_text(_archive(name), FILES[name][1]), rules_at)
    return _varied(name, title, sbml, draws, horizon, absolute)


def biomodel(number: int, draws: int, horizon: float) -> Problem:
    """Any model of the collection, to see what a step of it costs."""
    name = f"BIOMD{number:010}"
    sbml = prepare(_text(_archive("bachmann"), f"models/{name}.xml"), None)
    largest = max((abs(s.initial) for s in read_sbml(sbml).species), default=1.0)
    return _varied(name, name, sbml, draws, horizon, 1e-6 * largest)


def _text(archive: Path, member: str) -> str:
    with zipfile.ZipFile(archive) as file:
        return file.read(member).decode()


def _varied(name: str, title: str, sbml: str, draws: int, horizon: float, absolute: float) -> Problem:
    model = read_sbml(sbml)
    kernel = compile_model(model, ())
    exponents = {name for r in model.reactions for name in _exponents(r.rate)}
    exponents |= {name for rule in model.rules for name in _exponents(rule.expression)}
    free = {q.id for q in model.parameters if q.value > 0.0} - exponents
    varied = np.array([i for i, name in enumerate(kernel.parameters) if name in free], np.int64)
    p = np.tile(kernel.p0, (draws, 1))
    p[:, varied] *= np.exp(np.random.default_rng(1).normal(0.0, SIGMA, (draws, len(varied))))
    return Problem(
        name=name, title=title, sbml=sbml, model=model, p=p, varied=varied, y0=None, horizon=horizon, absolute=absolute
    )


def prepare(text: str, rules_at: float | None) -> str:
    """Make local parameters global; with ``rules_at``, let rules that name time keep their value of that time."""
    document = libsbml.readSBMLFromString(text)
    if rules_at is not None:
        for rule in document.getModel().getListOfRules():
            formula = rule.getMath()
            if formula.getType() == libsbml.AST_NAME_TIME:
                rule.setMath(libsbml.parseL3Formula(repr(rules_at)))
    properties = libsbml.ConversionProperties()
    properties.addOption("promoteLocalParameters")
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise SystemExit("libSBML could not make the local parameters global")
    return str(libsbml.writeSBMLToString(document))


def _exponents(expression: Expression) -> set[str]:
    """Names inside exponents: a Hill coefficient is a count, and no rate constant."""
    if not isinstance(expression, Apply):
        return set()
    found = {name for a in expression.arguments for name in _exponents(a)}
    return found | (_names(expression.arguments[1]) if expression.operator == "pow" else set())


def _names(expression: Expression) -> set[str]:
    if isinstance(expression, Symbol):
        return {expression.name}
    return {name for a in expression.arguments for name in _names(a)} if isinstance(expression, Apply) else set()


class _Nothing:
    times: tuple[float, ...] = ()
    observables: tuple[str, ...] = ()


def _apply(values: Array, table: tuple[Array, ...]) -> Array:
    offsets, index, how, amount = table
    out = values.copy()
    for q in range(int(offsets[0]), int(offsets[1])):
        i = int(index[q])
        out[i] = (amount[q], out[i] * amount[q], out[i] + amount[q])[int(how[q])]
    return out
