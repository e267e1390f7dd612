from dataclasses import replace

import numpy as np
import pytest

from hepatica.inference import Likelihood, Observable, Problem, Trial, describe_fit, fit
from hepatica.inference.explain import few
from hepatica.inference.formula import read_formula

from .cases import OPEN, problem, values
from .test_likelihood import BLOWS


def blowing(lower: float = -5.0, upper: float = 3.0) -> Problem:
    """``z' = bad z^2`` from 1, which is infinite at ``1 / bad``."""
    model = problem(BLOWS, estimates={"k1": (0.8, "log"), "bad": (-1.0, "lin")}, formulas=[("A", "1"), ("z", "1e7")],
                    read=[(0, 0, 0.5), (0, 1, 2.0)])  # fmt: skip
    k1, bad = model.parameters
    parameters = (replace(k1, lower=1e-3, upper=1e3), replace(bad, lower=lower, upper=upper))
    made = replace(model.model, units={"time": "h"})
    return replace(model, model=made, parameters=parameters, values=np.array([1.0, 0.2]))


def test_a_state_that_grows_without_end() -> None:
    likelihood = Likelihood(blowing())
    why, bound = likelihood.explain(np.array([0.0, 3.0]))
    assert why.startswith("trial 'only' stopped at t = 0.3333 h: ")
    assert "; z grew from 1 to " in why
    assert why.endswith("; try narrower bounds for what makes it grow, or a rate that saturates")
    assert bound == "bad is at its upper bound 3"
    assert len(likelihood.explain(np.array([0.0, 2.5]))) == 1
    assert likelihood.explain(np.array([0.0, -1.0])) == ()


def test_a_pre_equilibration_without_an_end() -> None:
    text = OPEN.replace("k1 = 0.8;", "k1 = 0.8; var z; z = 1; z' = grow*z; grow = -1;")
    made = problem(text, estimates={"grow": (-1.0, "lin")}, trials=[Trial(id="t", before=values(v=0.2))])
    (why,) = Likelihood(made).explain(np.array([1.0]))
    assert why.startswith(
        "the pre-equilibration of trial 't' failed: no steady state was reached; z still moved; try a loss"
    )
    rest = problem(text, estimates={"grow": (-1.0, "lin")}, read=[(0, 0, np.inf)])
    assert Likelihood(rest).explain(np.array([1.0]))[0].startswith("the steady state of trial 'only' stopped at t = ")


@pytest.mark.parametrize(
    ("formula", "noise", "scale", "message"),
    [
        ("A", "s", "lin", "observable 'o' in trial 'only' at t = 0.5 has the noise 0; try a lower bound above zero"),
        ("A - 100", "1", "log", "at t = 0.5 is -98.4, which has no logarithm; try an offset"),
        ("A/s", "1", "lin", "at t = 0.5 is inf; try bounds within which its formula has a value"),
    ],
)
def test_measurements_without_a_density(formula: str, noise: str, scale: str, message: str) -> None:
    made = problem(estimates={"k1": (0.8, "log"), "s": (0.0, "lin")}, read=[(0, 0, 0.5), (0, 0, 2.0)])
    observable = Observable(id="o", formula=read_formula(formula, "o"), noise=read_formula(noise, "n"), scale=scale)  # type: ignore[arg-type]
    made = replace(made, observables=(observable,))
    likelihood = Likelihood(made)
    assert not np.isfinite(likelihood(made.nominal[None])[0])
    (why,) = likelihood.explain(made.nominal)
    assert message in why


def test_a_measurement_without_a_logarithm() -> None:
    made = problem(estimates={"k1": (0.8, "log")}, scale="log10")
    (why,) = Likelihood(replace(made, values=np.array([1.0, -2.0]))).explain(np.array([-0.2]))
    assert why == "measurement 2 of observable 'o0' is -2, which has no logarithm; leave it out"


def test_of_many_the_first_are_named() -> None:
    assert few(["a", "b", "c", "d", "e"]) == ["a", "b", "c", "and 2 more"]
    assert few(["a"]) == ["a"]


def test_a_start_that_fails_says_why_and_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hepatica.inference.optimize.TRIES", 1)
    found = fit(blowing(), starts=8, most=30)
    failed = ~np.isfinite(found["objective"].values)
    assert 0 < failed.sum() < 8
    alone = fit(blowing(), starts=8, most=30, at_once=1)
    for name in ("objective", "x", "evaluations", "message"):
        np.testing.assert_array_equal(found[name], alone[name])
    lines = describe_fit(found)
    for start, message in zip(found["start"].values[failed], found["message"].values[failed], strict=True):
        assert "trial 'only' stopped at t = " in message
        assert f"start {start} failed: {message}" in lines
    assert "z grew" in "".join(found["message"].values[failed])


def test_a_start_that_is_stopped_by_points_that_fail_says_so() -> None:
    made = replace(blowing(upper=0.7), values=np.array([1.0, 3e9]))  # more than is reached at 2
    found = fit(made, starts=3)
    assert np.isfinite(found["objective"]).all()
    (line, *_), told = describe_fit(found)[1:], found["message"].values[0]
    assert told.startswith(
        "stopped: no step improves, however small; at the last point that could not be simulated, trial 'only'"
    )
    assert line.startswith(f"start {found['start'].values[0]} stopped: no step improves")


def test_a_long_list_of_failures_is_cut() -> None:
    found = fit(blowing(lower=1.0), starts=12)
    lines = describe_fit(found)
    assert lines[0] == "no start could be evaluated; 240 evaluations"
    assert lines[1].startswith("start 0 failed: none of 20 starting points could be simulated; at the last point that")
    assert lines[-1] == "and 2 more starts that failed or stopped"
