"""Our engine beside another one, quantity by quantity."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import compile_model
from hepatica.errors import ComputationError, InputError
from hepatica.model import Model
from hepatica.sbml import write_sbml
from hepatica.solver import Status, Tolerances, integrate, plan_after

Array = NDArray[np.float64]
Kind = Literal["species", "rule", "reaction"]
LIMIT = 1e-4
POINTS = 101
SECONDS = 300.0
SECOND = Path(__file__).with_name("second.py")
TIGHT, LOOSER = 1e-9, 1e-7  # relative tolerances
SHAKE = 1e-9  # relative change of the model's numbers; what changes with it and a looser tolerance is numerical
ATOL = 1e-15  # absolute tolerance, smaller where a curve is
STEPS = 1_000_000
NOISE = 1e4  # curves below this many absolute tolerances are zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far two engines are apart on one quantity.

    Parameters
    ----------
    name, kind
        Its id, and what it is: species (concentration, or amount where the model's formulas mean that), a variable of a rule,
        or the rate of a reaction.
    error
        Largest difference relative to the curve's own maximum.
    time
        When it is that large, in model time.
    ours, theirs
        Both values then.
    resolved
        Whether the difference is above what our own values change when the relative tolerance is 1e-7 instead of 1e-9
        and all numbers of the model that are not whole change by up to 1e-9 of themselves; where it is not, it is
        numerical error, such as that of a net rate that is zero but for rounding, and says nothing.
    """

    name: str
    kind: Kind
    error: float
    time: float
    ours: float
    theirs: float
    resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a comparison of engines found.

    Parameters
    ----------
    model, engine
        Model id; name and version of the other engine.
    until
        End of the comparison, in model time.
    differences
        One for each quantity, the largest first.
    unread
        Quantities that the other engine does not give.
    """

    model: str
    engine: str
    until: float
    differences: tuple[Difference, ...]
    unread: tuple[str, ...] = ()

    @property
    def apart(self) -> tuple[Difference, ...]:
        """Quantities that differ by more than 1e-4 of their maximum, numerical error set aside."""
        return tuple(d for d in self.differences if d.resolved and not d.error <= LIMIT)

    @property
    def agree(self) -> bool:
        """Whether no quantity differs."""
        return not self.apart

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.apart:
            worst = self.apart[0]
            count = f"; {len(self.apart)} of {len(self.differences)} quantities" if len(self.apart) > 1 else ""
            return (
                f"the engines differ: {worst.name} by {worst.error:.2g} of its maximum at t = {worst.time:.4g}{count}"
            )
        counted = [d for d in self.differences if d.resolved or d.error <= LIMIT]
        most = max((d.error for d in counted), default=0.0)
        text = f"the two engines agree within {most:.1g} on {len(counted)} quantities"
        open_ = [d.name for d in self.differences if not (d.resolved or d.error <= LIMIT)]
        if open_:
            text += f"; numerical error leaves {len(open_)} undecided ({', '.join(open_[:3])}{', ...' if open_[3:] else ''})"
        return text


def compare_engines(
    model: Model, *, against: str = "roadrunner", until: float = 100.0, sbml: str | None = None
) -> Agreement:
    """Run a model in our engine and in another one, both at tight tolerances, and compare every quantity.

    Every species, variable of a rule and reaction rate is compared at 101 times from 0 to ``until``. The inner times lie
    a third of a step off the round numbers at which events happen, since there a rounding error decides which side a
    time is on.

    Parameters
    ----------
    model
        The network, at its own values.
    against
        The other engine; ``roadrunner`` is the only one.
    until
        End, in model time.
    sbml
        What the other engine reads; what :func:`~hepatica.sbml.write.write_sbml` writes when ``None``. With the text that
        the model was read from, reading is checked too.

    Returns
    -------
    Agreement
        Its ``agree`` says whether all differences are below 1e-4 of the curve's own maximum.

    Raises
    ------
    InputError
        When the engine is unknown or not installed, or the end is not positive.
    ComputationError
        When one of the engines cannot load or simulate the model.
    """
    if against != "roadrunner":
        raise InputError(f"'{against}' is no engine to compare with; known: roadrunner.")
    if not 0 < until < math.inf:
        raise InputError(f"the comparison would end at {until:g}; expected a positive time.")
    if find_spec("roadrunner") is None:
        raise InputError("libRoadRunner is not installed; install it with: pip install 'hepatica[roadrunner]'")
    quantities = _quantities(model)
    if not quantities:
        raise InputError(f"model '{model.id}' has no species, rule or reaction to compare.")
    step = until / (POINTS - 1)
    times = np.array([0.0, *(step * (np.arange(1, POINTS - 1) - 1 / 3)), until])
    names = tuple(quantities)
    ours = _ours(model, names, times, TIGHT, ATOL)
    pools = [k for k, kind in enumerate(quantities.values()) if kind != "reaction"]
    with np.errstate(invalid="ignore"):
        sizes = np.abs(ours[:, pools]).max(axis=0)
    atol = max(1e-25, min(ATOL, 1e-10 * float(sizes[sizes > 0].min(initial=1.0))))
    if atol < ATOL:
        ours = _ours(model, names, times, TIGHT, atol)
    looser = _ours(model, names, times, LOOSER, atol, shake=SHAKE)
    text = write_sbml(model) if sbml is None else sbml
    selections = {name: _selection(model, name, kind) for name, kind in quantities.items()}
    answer = _theirs(text, selections, times, atol)
    found = [
        _difference(name, kind, times, ours[:, k], np.array(answer["values"][name]), looser[:, k], atol)
        for k, (name, kind) in enumerate(quantities.items())
        if name in answer["values"]
    ]
    return Agreement(
        model=model.id,
        engine=f"libRoadRunner {answer['version']}",
        until=until,
        differences=tuple(sorted(found, key=lambda d: (-d.error if not math.isnan(d.error) else -math.inf, d.name))),
        unread=tuple(answer["unknown"]),
    )


def _quantities(model: Model) -> dict[str, Kind]:
    """Give what is compared, with its kind."""
    kinds: dict[str, Kind] = {s.id: "species" for s in model.species}
    for rule in model.rules:
        if rule.variable:
            kinds.setdefault(rule.variable, "rule")
    algebraic = any(rule.kind == "algebraic" for rule in model.rules)
    changing = {name for event in model.events for name, _ in event.assignments}
    free = {e.id: e.constant for e in model.compartments} | {e.id: e.constant for e in model.parameters}
    for name, constant in free.items():
        if name in changing or (algebraic and not constant):
            kinds.setdefault(name, "rule")
    return kinds | {r.id: "reaction" for r in model.reactions}


def _selection(model: Model, name: str, kind: Kind) -> str:
    """Give what libRoadRunner calls a quantity: ``[X]`` is a concentration, ``X`` an amount or another value."""
    if kind != "species":
        return name
    species = next(s for s in model.species if s.id == name)
    return name if species.substance_only else f"[{name}]"


def _ours(model: Model, names: tuple[str, ...], times: Array, rtol: float, atol: float, *, shake: float = 0.0) -> Array:
    """Give our values, shape (time, name); ``shake`` changes each number by a random share up to it.

    Whole numbers stay: exponents, switches and counts are compared with ``==``.
    """
    kernel = compile_model(model, names)
    share = np.random.default_rng(1).uniform(-shake, shake, len(kernel.p0))
    base = kernel.p0 * (1.0 + np.where(kernel.p0 == np.round(kernel.p0), 0.0, share))
    run = integrate(
        kernel, plan_after([[]], equilibrated=False), np.array([[0, 0, -1]]), base[None, :], times,
        tolerances=Tolerances(rtol=rtol, atol=atol, limit=STEPS),
    )  # fmt: skip
    status = Status(int(run.status[0]))
    if status is not Status.OK:
        raise ComputationError(f"hepatica cannot simulate '{model.id}' to t = {times[-1]:g}: {status.sentence}.")
    return np.asarray(run.values[0])


def _theirs(sbml: str, selections: dict[str, str], times: Array, atol: float) -> dict[str, Any]:
    """Give the answer of libRoadRunner, run in a child process."""
    request = {
        "sbml": sbml, "selections": selections, "times": times.tolist(), "rtol": TIGHT / 10, "atol": atol,
    }  # fmt: skip
    child = [sys.executable, "-P", str(SECOND)]
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter, with a file of our own)
            child, input=json.dumps(request), capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ComputationError(f"libRoadRunner took more than {SECONDS:g} s; compare to an earlier time.") from error
    if done.returncode != 0:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ComputationError(f"libRoadRunner crashed on this model ({how}): {last}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise ComputationError(f"libRoadRunner {answer['version']} cannot {answer['stage']}: {answer['error']}")
    if not np.allclose(answer["times"], times, rtol=1e-9, atol=1e-9 * float(times[-1])):
        raise ComputationError("libRoadRunner gave values at other times than asked for.")
    return answer


def _difference(
    name: str, kind: Kind, times: Array, ours: Array, theirs: Array, looser: Array, atol: float
) -> Difference:
    """Compare two curves; a value that only one engine calls undefined is infinitely far off."""
    # equal also where both are infinite or undefined
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(ours - theirs))
        own = np.where(ours == looser, 0.0, np.abs(ours - looser))
    gap = np.where(np.isnan(gap), np.inf, gap)
    finite = np.abs(np.concatenate([ours, theirs]))
    scale = max(float(finite[np.isfinite(finite)].max(initial=0.0)), NOISE * atol)
    k = int(gap.argmax())
    return Difference(
        name=name, kind=kind, error=float(gap[k] / scale), time=float(times[k]), ours=float(ours[k]), theirs=float(theirs[k]),
        resolved=bool(gap[k] > np.nan_to_num(own, nan=0.0).max()),
    )  # fmt: skip
