"""Changes during a run against chained closed forms, with gradients against differences."""

import numpy as np
import pytest

from hepatica.errors import InputError, UnsupportedError
from hepatica.inference import Likelihood, Problem, Trial

from .cases import OPEN, REVERSIBLE, TIGHT, problem, right, values

RATES = {"k1": (0.8, "log10"), "k2": (0.6, "log")}


def seen(made: Problem) -> np.ndarray:
    return Likelihood(made, tolerances=TIGHT).simulate(made.nominal[None])[0][0]


def later(a: float, b: float, t: float, k1: float = 0.8, k2: float = 0.6) -> tuple[float, float]:
    """A and B of the reversible reaction some time later."""
    rest = (a + b) * k2 / (k1 + k2)
    new = rest + (a - rest) * np.exp(-(k1 + k2) * t)
    return float(new), float(a + b - new)


def test_states_and_parameters_change_together_with_values_from_before() -> None:
    trial = Trial(id="t", later=((1.0, values(A="A + B", B="x*A", k2=0.2)), (2.5, values(k2="x", A=1.0))))
    made = problem(
        estimates={"k1": (0.8, "log10"), "x": (1.5, "log")}, trials=[trial], formulas=[("A", "1"), ("B", "1")],
        read=[(0, o, t) for o in (0, 1) for t in (0.5, 1.0, 2.0, 2.5, 4.0)],
    )  # fmt: skip
    a, b = later(2.0, 1.0, 1.0)
    begun = a + b, 1.5 * a
    ended = later(*begun, 1.5, k2=0.2)
    course = [
        later(2.0, 1.0, 0.5),
        begun,
        later(*begun, 1.0, k2=0.2),
        (1.0, ended[1]),
        later(1.0, ended[1], 1.5, k2=1.5),
    ]
    assert seen(made) == pytest.approx([x for x, _ in course] + [y for _, y in course], rel=1e-7)
    right(made)


def test_each_trial_has_its_own_changes() -> None:
    trials = [
        Trial(id="none"),
        Trial(id="A", later=((1.0, values(A=5.0)),)),
        Trial(id="same", later=((1.0, values(A=5.0)),)),
    ]
    made = problem(estimates=RATES, trials=trials, read=[(k, 0, t) for k in range(3) for t in (1.0, 2.0)])
    b = later(2.0, 1.0, 1.0)[1]
    one = [5.0, later(5.0, b, 1.0)[0]]
    assert seen(made) == pytest.approx([later(2.0, 1.0, 1.0)[0], later(2.0, 1.0, 2.0)[0], *one, *one], rel=1e-7)
    right(made)


def test_runs_that_start_late() -> None:
    text = REVERSIBLE.replace("c*k1*A", "c*k1*A*(1 + 0*time)")
    for start in (5.0, -3.0):
        trial = Trial(id="t", start=start, later=((start + 1.0, values(A=5.0)),))
        made = problem(
            text, estimates=RATES, trials=[trial], read=[(0, 0, start), (0, 0, start + 0.5), (0, 0, start + 1.0)]
        )
        assert seen(made) == pytest.approx([2.0, later(2.0, 1.0, 0.5)[0], 5.0], rel=1e-7)
        right(made)


def test_time_itself_is_that_of_the_run() -> None:
    made = problem(
        estimates=RATES, trials=[Trial(id="t", start=5.0)], formulas=[("time", "1")], read=[(0, 0, 5.0), (0, 0, 7.5)]
    )
    assert seen(made) == pytest.approx([5.0, 7.5], rel=1e-15)


def test_a_change_after_preequilibration_from_where_it_rests() -> None:
    trial = Trial(
        id="t", before=values(v=0.1), after=values(v=0.1), later=((0.0, values(A="x*A + 1")), (2.0, values(v=0.7)))
    )
    made = problem(
        OPEN, estimates=RATES | {"x": (3.0, "log")}, trials=[trial], read=[(0, 0, t) for t in (0.0, 1.0, 2.0, 3.0)]
    )
    begun = 3.0 * 0.1 / 0.8 + 1.0
    first = [0.125 + (begun - 0.125) * np.exp(-0.8 * t) for t in (0.0, 1.0, 2.0)]
    last = 0.875 + (first[2] - 0.875) * np.exp(-0.8)
    assert seen(made) == pytest.approx([*first, last], rel=1e-6)
    right(made)


def test_concentrations_outlast_a_change_of_their_volume() -> None:
    trial = Trial(id="t", later=((1.0, values(c="x", A="A + c")),))
    made = problem(
        estimates=RATES | {"x": (4.0, "log")}, trials=[trial], formulas=[("A", "1"), ("B", "1"), ("c", "1")],
        read=[(0, o, t) for o in range(3) for t in (1.0, 2.0)],
    )  # fmt: skip
    a, b = later(2.0, 1.0, 1.0)
    after = later(a + 1.0, b, 1.0)
    assert seen(made) == pytest.approx([a + 1.0, after[0], b, after[1], 4.0, 4.0], rel=1e-7)
    right(made)


def test_changes_come_before_what_the_model_does_at_the_same_time() -> None:
    text = REVERSIBLE.replace("k1 = 0.8;", "k1 = 0.8; E: at time >= 1, fromTrigger=false: A = 10*A;")
    made = problem(
        text, estimates=RATES, trials=[Trial(id="t", later=((1.0, values(A="k1")),))], read=[(0, 0, 1.0), (0, 0, 2.0)]
    )
    assert seen(made)[0] == pytest.approx(8.0)
    right(made)


def test_formulas_of_parameters_at_the_start() -> None:
    trials = [Trial(id="t", after=values(A="x*y", k2="exp(k1)/y")), Trial(id="u", after=values(A="x + k2"))]
    made = problem(
        estimates={"k1": (0.8, "log10"), "x": (3.0, "log"), "y": (2.0, "lin")}, trials=trials,
        read=[(k, 0, t) for k in (0, 1) for t in (0.0, 1.0)],
    )  # fmt: skip
    assert seen(made)[[0, 2]] == pytest.approx([6.0, 3.6])
    right(made)


def test_values_of_the_state_at_the_start() -> None:
    trial = Trial(id="t", later=((0.0, values(A="B + x", B="A")),))
    made = problem(estimates=RATES | {"x": (3.0, "log")}, trials=[trial], read=[(0, 0, 0.0), (0, 0, 1.0)])
    assert seen(made) == pytest.approx([4.0, later(4.0, 2.0, 1.0)[0]], rel=1e-7)
    right(made)


def test_what_is_refused() -> None:
    ruled = REVERSIBLE.replace("k1 = 0.8;", "k1 = 0.8; var S; S := A + B;")
    with pytest.raises(InputError, match="a condition sets 'S', which a rule of the model computes"):
        Likelihood(problem(ruled, estimates=RATES, trials=[Trial(id="t", later=((1.0, values(S=1.0)),))]))
    with pytest.raises(UnsupportedError, match="trial 't' is measured at the steady state and changed during the run"):
        Likelihood(
            problem(OPEN, estimates=RATES, trials=[Trial(id="t", later=((1.0, values(A=1.0)),))], read=[(0, 0, np.inf)])
        )
    with pytest.raises(InputError, match="a measurement at time 1, before its run starts at 2"):
        Likelihood(problem(estimates=RATES, trials=[Trial(id="t", start=2.0)], read=[(0, 0, 1.0)]))
    with pytest.raises(UnsupportedError, match="sets 'A' to a formula of 'S', which changes or is computed"):
        Likelihood(problem(ruled, estimates=RATES, trials=[Trial(id="t", after=values(A="2*S"))]))


def test_a_steady_state_of_a_model_with_events_has_no_gradient_where_it_depends_on_its_start() -> None:
    text = REVERSIBLE.replace("k1 = 0.8;", "k1 = 0.8; E: at A < 1.7, t0=false: A = A + 3;")
    made = problem(text, estimates=RATES, read=[(0, 0, np.inf)])
    likelihood = Likelihood(made, tolerances=TIGHT)
    assert likelihood.simulate(made.nominal[None])[0][0, 0] == pytest.approx(6.0 * 0.6 / 1.4, rel=1e-6)
    with pytest.raises(
        UnsupportedError, match="a steady state that depends on where it is started from, in a model with events"
    ):
        likelihood.gradient(made.nominal[None])
