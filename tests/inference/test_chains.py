from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad

from hepatica.errors import ComputationError, InputError
from hepatica.inference import Estimate, Journal, Problem
from hepatica.inference.chains import sample_near
from hepatica.inference.problem import Observable
from hepatica.model import Apply, Number, Symbol
from tests.inference.problems import TIMES, decaying
from tests.inference.test_sample import density, narrow

START = {"k": -0.3, "sd": -2.3}
FEW = {"draws": 24, "chains": 6, "warm": 6}


def rivals() -> Problem:
    """The decay, with a background of 0.08 that is there or not."""
    problem = narrow()
    shifted = Apply("+", (Symbol("A"), Apply("*", (Number(0.08), Symbol("w")))))
    observable = Observable(id="a", formula=shifted, noise=Symbol("sd"))
    switch = Estimate(id="w", lower=0.0, upper=1.0, nominal=0.0)
    return replace(problem, parameters=(*problem.parameters, switch), observables=(observable,))


def test_moments_equal_integrals() -> None:
    problem = narrow()
    tree = sample_near(problem, [START], draws=4000, chains=40, warm=30)
    total = dblquad(lambda sd, k: density(problem, k, sd), -0.9, 0.3, -4.5, 0.0, epsabs=1e-8)[0]
    for name, pick in (("k", lambda k, _s: k), ("sd", lambda _k, s: s)):
        mean = dblquad(lambda sd, k, p=pick: p(k, sd) * density(problem, k, sd), -0.9, 0.3, -4.5, 0.0)[0] / total
        square = dblquad(lambda sd, k, p=pick: p(k, sd) ** 2 * density(problem, k, sd), -0.9, 0.3, -4.5, 0.0)[0] / total
        spread = np.sqrt(square - mean**2)
        assert tree["posterior"][name].values.mean() == pytest.approx(mean, abs=0.1 * spread)
        assert tree["posterior"][name].values.std() == pytest.approx(spread, rel=0.1)
    assert 0.5 < tree["iterations"]["acceptance"].values[-50:].mean() < 1.0


def test_jumps_weigh_rival_wirings() -> None:
    problem = rivals()
    starts = [START | {"w": 0.0}, START | {"w": 1.0}]
    # as many chains begin at each: what decides is how often they jump
    tree = sample_near(problem, starts, draws=4000, chains=40, warm=30, choices={"w": {0.0: 0.7, 1.0: 0.3}})
    plain = narrow()

    def evidence(shift: float) -> float:
        moved = replace(plain, values=plain.values - shift)
        return float(dblquad(lambda sd, k: density(moved, k, sd), -0.9, 0.3, -4.5, 0.0, epsabs=1e-8)[0])

    weights = np.array([0.7 * evidence(0.0), 0.3 * evidence(0.08)])
    share = float(tree["posterior"]["w"].values.mean())
    assert share == pytest.approx(weights[1] / weights.sum(), abs=0.05)
    assert (tree["sample_stats"]["mode"].values == tree["posterior"]["w"].values).all()
    assert tree["iterations"]["jumped"].values[1:].mean() > 0.05


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    problem, starts = rivals(), [START | {"w": 0.0}, START | {"w": 1.0}]
    choices = {"w": {0.0: 0.5, 1.0: 0.5}}
    whole = sample_near(problem, starts, choices=choices, threads=2, **FEW)

    class StopError(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise StopError

    with Journal.open(tmp_path, {"run": "1"}) as journal, pytest.raises(StopError):
        sample_near(problem, starts, choices=choices, journal=journal, progress=stop, **FEW)
    with Journal.open(tmp_path, {"run": "1"}, resume=True) as journal:
        assert journal.count("chains") == 6
        resumed = sample_near(problem, starts, choices=choices, journal=journal, **FEW)
    assert resumed.identical(whole)


def test_warm_chains_keep_the_mean_size_of_steps_since_their_last_metric() -> None:
    tree = sample_near(rivals(), [START | {"w": 0.0}], choices={"w": {0.0: 0.5, 1.0: 0.5}}, draws=12, chains=6, warm=15)
    step = tree["iterations"]["step"].values  # metrics are made anew at 3, 6, 9 and 12
    assert len(set(step[12:15])) == 3
    np.testing.assert_allclose(step[15:], np.exp(np.log(step[12:15]).mean()), rtol=1e-12)


def test_chains_near_known_draws_begin_at_them_and_keep_their_metric() -> None:
    problem = narrow()
    known = sample_near(problem, [START], draws=400, chains=8, warm=20)
    near = sample_near(problem, [START], near=known, draws=8, chains=8, warm=5, seed=2)
    np.testing.assert_allclose(near["moves"]["metric"].values, known["moves"]["metric"].values, rtol=1e-9, atol=1e-12)
    assert near["iterations"]["step"].values[0] == known["moves"]["step"]
    rows = np.linspace(0, 399, 8).round().astype(int)
    begun = known["posterior"]["k"].transpose("draw", "chain").values.ravel()[rows]
    slow = known.copy()
    slow["moves"] = known["moves"].to_dataset().assign(step=1e-4)
    first = sample_near(problem, [START], near=slow, draws=8, chains=8, warm=1, seed=2)["posterior"]["k"].values[:, 0]
    np.testing.assert_allclose(first, begun, atol=5e-3)
    assert np.ptp(begun) > 0.05
    # of draws of more parameters, what belongs to these
    free = replace(
        problem, parameters=tuple(replace(p, estimated=p.id != "sd", nominal=0.1) for p in problem.parameters)
    )
    part = sample_near(free, [START], near=known, draws=8, chains=8, warm=5)["moves"]["metric"].values
    whole = known["moves"]["metric"].values
    np.testing.assert_allclose(part @ part.T, (whole @ whole.T)[:1, :1])


def test_draws_nearby_that_do_not_fit_are_refused() -> None:
    problem = narrow()
    known = sample_near(problem, [START], **FEW)
    without = known.copy()
    del without["moves"]
    with pytest.raises(InputError, match="no metric"):
        sample_near(problem, [START], near=without, **FEW)
    other = known.copy()
    other["moves"] = known["moves"].to_dataset().isel(coordinate=[0])
    with pytest.raises(InputError, match="no parameter 'sd'"):
        sample_near(problem, [START], near=other, **FEW)


def test_what_cannot_be_used_is_refused() -> None:
    problem = narrow()
    with pytest.raises(InputError, match="no finite value of 'sd'"):
        sample_near(problem, [{"k": -0.3}], **FEW)
    with pytest.raises(InputError, match="0 draws of 6 chains"):
        sample_near(problem, [START], draws=0, chains=6, warm=6)
    with pytest.raises(InputError, match="do not fit 1 starts"):
        sample_near(problem, [START], weights=[0.5, 0.5], **FEW)


def test_a_start_that_cannot_be_simulated_is_said() -> None:
    problem = decaying(k=Estimate(id="k", scale="log10", lower=1e-3, upper=1e300, nominal=0.5))
    broken = replace(problem, values=np.full(len(TIMES), np.nan))
    with pytest.raises(ComputationError, match="start from a fit"):
        sample_near(broken, [{"k": 0.0}], **FEW)
