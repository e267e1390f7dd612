"""A problem's model with its observables as rules, and how its parameters follow from those that are estimated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hepatica.compiler import Kernel, compile_model
from hepatica.errors import InputError, NotFoundError, UnsupportedError, did_you_mean
from hepatica.inference.entries import Entries
from hepatica.inference.periods import EVENTS, periods, switched_on, with_periods
from hepatica.inference.problem import Problem, Trial
from hepatica.model import Apply, Expression, InitialAssignment, Model, Number, Parameter, Rule, Symbol
from hepatica.model.expression import substitute, symbols

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

EXPECTED, NOISE = "observable {}", "noise {}"  # names of the rules; no identifier of a file has a space
START, GIVEN = "start of {}", "start of {} given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a likelihood is computed with.

    Parameters
    ----------
    model, kernel
        The problem's model with its observables as rules, and compiled to read these.
    expected, noise
        For each observable of the problem the column of what is read that is its formula, and its noise; -1 where the noise
        is the number ``sigma``.
    sigma
        Noise where it is a number, shape (observable,).
    constant, linear
        Parameters of each condition: ``constant + linear @ x`` with the estimated parameters x, linear; shapes (row * p,)
        and (row * p, estimated).
    entries, places
        Those of them that are other formulas of x, and where they are.
    before, after, resting
        For each trial the row of its conditions: during pre-equilibration (-1 without one), from the start, and while a steady
        state is read, when nothing happens any more.
    reset
        For each trial the states that pre-equilibration does not decide, and the parameters that do.
    rows
        How many conditions there are.
    """

    model: Model
    kernel: Kernel
    expected: Indices
    noise: Indices
    sigma: Array
    constant: Array
    linear: sparse.csr_array
    entries: Entries
    places: Indices
    before: Indices
    after: Indices
    resting: Indices
    reset: tuple[tuple[Indices, Indices], ...]
    rows: int

    def base(self, x: Array) -> Array:
        """Parameters of every condition, shape (point * row, p), from estimated ones, linear, shape (point, estimated)."""
        flat = self.constant + (self.linear @ x.T).T
        if len(self.places):
            flat[:, self.places] = self.entries(x)[0]
        return np.ascontiguousarray(flat).reshape(len(x) * self.rows, -1)

    def slopes(self, x: Array) -> sparse.csr_array:
        """Give the derivatives of the parameters of every condition at one point, as ``linear``."""
        by = self.entries(x[None])[1][0]
        rows, columns = np.repeat(self.places, by.shape[1]), np.tile(np.arange(by.shape[1]), len(by))
        return sparse.csr_array(self.linear + sparse.csr_array((by.ravel(), (rows, columns)), shape=self.linear.shape))

    def pull(self, base: Array, x: Array) -> Array:
        """Give adjoints of the estimated parameters x, linear, from those of ``base``."""
        flat = base.reshape(len(x), -1)
        out = np.asarray(flat @ self.linear)
        if len(self.places):
            out += np.einsum("pe,pek->pk", flat[:, self.places], self.entries(x)[1])
        return out


def fitted(problem: Problem) -> Fitted:
    """Compile a problem.

    Raises
    ------
    InputError
        When a condition or formula names what is not there, or sets what cannot be set.
    """
    changes = periods(problem)
    targets = dict.fromkeys(t for trial in problem.trials for c in trial.conditions for t in c)
    at_start = {t: None for trial in problem.trials for c in (trial.before, trial.after) for t in c or ()}
    model = _with_parameters(problem.model, problem, targets)
    model = with_periods(model, changes, pausing=bool(np.isinf(problem.times).any()))
    model, assigned = _free(model, problem, at_start)
    model, columns, sigma = _with_observables(model, problem)
    expected, noise = columns
    wanted = tuple(dict.fromkeys(n for n in (*expected, *noise) if n))
    kernel = compile_model(model, wanted)
    rows: dict[tuple[tuple[str, Expression], ...], int] = {}
    before = [-1 if t.before is None else _row(rows, t.before) for t in problem.trials]
    after = [_row(rows, {**t.after, **switched_on(t, changes)}) for t in problem.trials]
    pause = {EVENTS: Number(0.0)} if EVENTS in kernel.parameters else {}
    resting = [_row(rows, {**t.after, **pause}) for t in problem.trials]
    constant, linear, entries = _mapping(problem, kernel, list(rows), assigned)
    return Fitted(
        model=model, kernel=kernel, sigma=sigma, constant=constant, linear=linear, rows=len(rows),
        entries=Entries(list(entries.values()), [p.id for p in problem.estimated]), places=np.array(list(entries), np.int64),
        expected=np.array([wanted.index(n) for n in expected], np.int64),
        noise=np.array([wanted.index(n) if n else -1 for n in noise], np.int64),
        before=np.array(before, np.int64), after=np.array(after, np.int64), resting=np.array(resting, np.int64),
        reset=tuple(_reset(kernel, t, assigned) for t in problem.trials),
    )  # fmt: skip


def _row(rows: dict[tuple[tuple[str, Expression], ...], int], condition: Mapping[str, Expression]) -> int:
    return rows.setdefault(tuple(sorted(condition.items(), key=lambda item: item[0])), len(rows))


def _with_parameters(model: Model, problem: Problem, targets: Sequence[str] | Mapping[str, None]) -> Model:
    """Add the parameters that formulas and conditions name and the model does not have."""
    named = [p.id for p in problem.parameters]
    missing = [n for n in dict.fromkeys([*named, *targets]) if n not in model.by_id]
    used = {s for o in problem.observables for part in (o.formula, o.noise) for s in symbols(part)}
    used |= {s for t in problem.trials for c in t.conditions for v in c.values() for s in symbols(v)}
    known = {*model.by_id, *missing}
    for name in sorted(used - known):
        raise NotFoundError(
            f"a formula or condition names '{name}', which is neither in the model nor a parameter.{did_you_mean(name, known)}"
        )
    return replace(model, parameters=(*model.parameters, *(Parameter(id=n, value=np.nan) for n in missing)))


def _free(model: Model, problem: Problem, targets: Mapping[str, None]) -> tuple[Model, dict[str, str]]:
    """Turn initial assignments of what is given from outside into parameters; tells which.

    What the table of parameters gives is never computed. What only some conditions give is ``given * start + (1 - given) *
    expression``.
    """
    table = {p.id for p in problem.parameters}
    assigned: dict[str, str] = {}
    kept: list[InitialAssignment] = []
    more: list[Parameter] = []
    for a in model.initial_assignments:
        if a.symbol in targets:
            start, given = START.format(a.symbol), GIVEN.format(a.symbol)
            assigned[a.symbol] = start
            more += [Parameter(id=start, value=0.0), Parameter(id=given, value=0.0)]
            chosen = Apply("*", (Symbol(given), Symbol(start)))
            other = Apply("*", (Apply("-", (Number(1.0), Symbol(given))), a.expression))
            kept.append(InitialAssignment(symbol=a.symbol, expression=Apply("+", (chosen, other))))
        elif a.symbol not in table:
            kept.append(a)
    return replace(model, initial_assignments=tuple(kept), parameters=(*model.parameters, *more)), assigned


def _with_observables(model: Model, problem: Problem) -> tuple[Model, tuple[list[str], list[str]], Array]:
    """Add a rule for each formula and each noise that is no number; gives their names, and the numbers."""
    names: dict[Expression, str] = {}
    expected, noise, sigma = [], [], np.full(len(problem.observables), np.nan)
    for k, o in enumerate(problem.observables):
        expected.append(names.setdefault(o.formula, EXPECTED.format(k)))
        if isinstance(o.noise, Number):
            sigma[k] = o.noise.value
            noise.append("")
        else:
            noise.append(names.setdefault(o.noise, NOISE.format(k)))
    rules = tuple(Rule(kind="assignment", variable=name, expression=x) for x, name in names.items())
    parameters = tuple(Parameter(id=name, value=np.nan, constant=False) for name in names.values())
    whole = replace(model, rules=(*model.rules, *rules), parameters=(*model.parameters, *parameters), observables=())
    return whole, (expected, noise), sigma


def _mapping(
    problem: Problem, kernel: Kernel, rows: Sequence[tuple[tuple[str, Expression], ...]], assigned: Mapping[str, str]
) -> tuple[Array, sparse.csr_array, dict[int, Expression]]:
    """Parameters of every condition as a linear function of the estimated ones, and the entries that are other formulas."""
    size, place = len(kernel.parameters), {name: i for i, name in enumerate(kernel.parameters)}
    column = {p.id: k for k, p in enumerate(problem.estimated)}
    constant = np.tile(kernel.p0, (len(rows), 1))
    source, factor = np.full((len(rows), size), -1), np.ones((len(rows), size))
    entries: dict[int, Expression] = {}
    for p in problem.parameters:
        if p.id in place:
            constant[:, place[p.id]] = 0.0 if p.estimated else p.nominal
            source[:, place[p.id]] = column.get(p.id, -1)
    known = {name: float(kernel.p0[k]) for name, k in place.items()}
    known |= {p.id: p.nominal for p in problem.parameters if not p.estimated}
    numbers = {name: Number(x) for name, x in known.items() if name not in column}
    for r, condition in enumerate(rows):
        for target, value in condition:
            name = assigned.get(target, target)
            if name not in place:
                raise InputError(
                    f"a condition sets '{target}', which a rule of the model computes; conditions set parameters, compartments "
                    "and initial values only."
                )
            if target in assigned:
                constant[r, place[GIVEN.format(target)]] = 1.0
            formula = substitute(value, numbers)
            constant[r, place[name]], source[r, place[name]] = 0.0, -1
            if isinstance(formula, Number):
                constant[r, place[name]] = formula.value
            elif (multiple := _multiple(formula)) is not None and multiple[1] in column:
                factor[r, place[name]], source[r, place[name]] = multiple[0], column[multiple[1]]
            else:
                for other in sorted(symbols(formula) - column.keys()):
                    raise UnsupportedError(
                        f"a condition sets '{target}' to a formula of '{other}', which changes or is computed; at the start of a "
                        "run hepatica reads formulas of parameters."
                    )
                entries[r * size + place[name]] = formula
    at = np.flatnonzero(source.ravel() >= 0)
    linear = sparse.csr_array((factor.ravel()[at], (at, source.ravel()[at])), shape=(source.size, len(column)))
    return constant.ravel(), linear, entries


def _multiple(formula: Expression) -> tuple[float, str] | None:
    """Number and name of a formula that is a multiple of a parameter; ``None`` for others."""
    match formula:
        case Symbol(name):
            return 1.0, name
        case Apply("*", (Number(value), Symbol(name)) | (Symbol(name), Number(value))):
            return value, name
    return None


def _reset(kernel: Kernel, trial: Trial, assigned: Mapping[str, str]) -> tuple[Indices, Indices]:
    if trial.before is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    states = [t for t in trial.after if t in kernel.states]
    for t in states:
        if t in kernel.indirect:
            raise UnsupportedError(
                f"trial '{trial.id}' sets '{t}' after pre-equilibration, a concentration in a compartment that changes; hepatica "
                "cannot do that yet."
            )
    places = [kernel.parameter_index(assigned.get(t, t)) for t in states]
    return np.array([kernel.state_index(t) for t in states], np.int64), np.array(places, np.int64)
