"""What becomes of one file: read -> check -> compile -> simulate twice; run inside the child process."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from hepatica.compiler import Kernel, compile_model
from hepatica.errors import HepaticaError
from hepatica.isolated import read_antimony_here, read_sbml_here
from hepatica.model import Model
from hepatica.model.check import find_issues
from hepatica.model.codec import from_json
from hepatica.solver import Status, Tolerances, integrate, plan_after

Array = NDArray[np.float64]
TIMES = np.linspace(0.0, 2.0371, 5)  # off the round numbers at which models like to switch
STEPS = 2000
MOST_STATES = 400
MOST_SECONDS = 3.0
BEYOND = 1e14


class _TooLongError(Exception):
    """The reference takes too long to wait for."""


def judge(arguments: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Give ``outcome``, ``text`` and the processor seconds of each stage of one file; the target of the fuzzing child."""
    took: dict[str, float] = {}
    report: dict[str, Any] = {"took": took}
    stage, began = "read", time.process_time()

    def next_stage(name: str) -> None:
        nonlocal stage, began
        took[stage] = time.process_time() - began
        stage, began = name, time.process_time()

    try:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return report | {"outcome": "refused: not UTF-8", "text": ""}, b""
        reader = read_sbml_here if arguments["kind"] == "sbml" else read_antimony_here
        model = from_json(reader({"name": "file", "folder": None}, text.encode())[1])
        if arguments["until"] == "read":
            return report | {"outcome": "read", "text": ""}, b""
        next_stage("check")
        find_issues(model)
        next_stage("compile")
        kernel = _compile(model)
        if kernel is None:
            return report | {"outcome": "compiled only: more states than are simulated here", "text": ""}, b""
        next_stage("simulate")
        outcome, sentence, values = _simulate(kernel)
        next_stage("")
        report |= {"names": kernel.observables, "amounts": [s.id for s in model.species if s.substance_only]}
        return report | {"outcome": outcome, "text": sentence}, values.tobytes()
    except HepaticaError as error:
        next_stage("")
        return report | {"outcome": f"refused: {type(error).__name__}", "text": str(error)}, b""


def _compile(model: Model) -> Kernel | None:
    from dataclasses import replace

    kernel = compile_model(replace(model, foreign=False), lanes=4, cached=False)
    return kernel if len(kernel.states) <= MOST_STATES else None


def _simulate(kernel: Kernel) -> tuple[str, str, Array]:
    status, values = _by_kernel(kernel, TIMES, Tolerances(rtol=1e-6, atol=1e-9, limit=STEPS))
    held = kernel.conditions
    if held.events or held.delayed or held.fast or kernel.differential < len(kernel.states):
        return f"simulated: {status.sentence}, with what the reference does not do", "", values
    wrong = _points_differ(kernel)
    if wrong:
        return "DISAGREEMENT: llvm and numpy at one point", wrong, values
    if status != Status.OK:
        return f"simulated: {status.sentence}", "", values
    if not np.isfinite(values).all():
        return "simulated: completed, with values that are not finite", "", values
    # what differs is looked at again more closely: the reference steps over a short pulse that we locate
    for rtol, atol in ((1e-6, 1e-9), (1e-9, 1e-13), (1e-11, 1e-16)):
        _, values = _by_kernel(kernel, TIMES, Tolerances(rtol=rtol, atol=atol, limit=20 * STEPS))
        other = _by_reference(kernel, rtol, atol)
        if other is None:
            return "simulated: completed, the reference did not", "", values
        wrong = differs(values, other, kernel.observables)
        if not wrong:
            return "simulated: completed, as the reference", "", values
    if _fastest(kernel) > BEYOND:
        return f"simulated: completed, but differs: rates beyond {BEYOND:g}, unresolved by doubles", wrong, values
    return "DISAGREEMENT: llvm and numpy over time", wrong, values


def _fastest(kernel: Kernel) -> float:
    """Give the largest entry of the Jacobian at time zero: what it is in 1/time, rounding hides beside rates of about one."""
    reference = kernel.reference()
    p = kernel.p0[:, None]
    y = reference.initial(p)
    shifted = np.where(y == 0.0, 1.0, y)  # products of what starts at zero count too
    both = np.abs(np.concatenate([reference.jacobian(y, p), reference.jacobian(shifted, p)]))
    return float(both[np.isfinite(both)].max(initial=0.0))


def _by_kernel(kernel: Kernel, times: Array, tolerances: Tolerances) -> tuple[Status, Array]:
    plan = plan_after([[]], equilibrated=False)
    run = integrate(kernel, plan, np.array([[0, 0, -1]]), kernel.p0[None, :], times, tolerances=tolerances)
    return Status(int(run.status[0])), run.values[0]


def _points_differ(kernel: Kernel) -> str:
    """Compare initial values and observables of machine code and reference."""
    reference = kernel.reference()
    status, values = _by_kernel(kernel, TIMES[:1], Tolerances(limit=1))
    y = reference.initial(kernel.p0[:, None])
    want = reference.observe(y, kernel.p0[:, None])[:, 0]
    got = values[0]
    if status == Status.BAD_INPUT:
        return (
            "" if not (np.isfinite(y).all() and np.isfinite(kernel.p0).all()) else "finite start refused as not finite"
        )
    if status != Status.OK:
        return ""
    # machine code rounds once where a product is added, and counts numbers too small to be normal as zero
    sizes = np.abs(np.concatenate([want, y[:, 0], kernel.p0]))
    noise = 1e-14 * sizes[np.isfinite(sizes)].max(initial=1e-276)
    near = np.isclose(got, want, rtol=1e-9, atol=noise, equal_nan=True)
    bad = np.flatnonzero(~near)
    return "" if not len(bad) else f"{kernel.observables[bad[0]]} at 0: {got[bad[0]]!r} against {want[bad[0]]!r}"


def _by_reference(kernel: Kernel, rtol: float, atol: float) -> Array | None:
    reference = kernel.reference()
    p = kernel.p0[:, None]
    end = time.process_time() + MOST_SECONDS

    def rhs(_t: float, y: Array) -> Array:
        if time.process_time() > end:
            raise _TooLongError
        return reference.rhs(y[:, None], p)[:, 0]

    def jacobian(_t: float, y: Array) -> Array:
        return reference.jacobian(y[:, None], p)[:, :, 0]

    with np.errstate(all="ignore"):
        y0 = reference.initial(p)[:, 0]
        try:
            found = solve_ivp(
                rhs, (0.0, TIMES[-1]), y0, method="Radau", t_eval=TIMES, rtol=rtol, atol=atol, jac=jacobian
            )
        except (_TooLongError, ValueError, np.linalg.LinAlgError):
            return None
        if not found.success or not np.isfinite(found.y).all():
            return None
        return reference.observe(found.y, np.repeat(p, len(TIMES), axis=1)).T


def differs(got: Array, want: Array, names: tuple[str, ...]) -> str:
    """Name the first observable that differs by more than 1e-3 of its largest value."""
    scale = np.abs(want).max(axis=0)
    far = np.abs(got - want) > 1e-3 * scale + 1e-6
    bad = np.argwhere(far)
    if not len(bad):
        return ""
    row, column = bad[0]
    return f"{names[column]} at {TIMES[row]:g}: {got[row, column]!r} against {want[row, column]!r}"
