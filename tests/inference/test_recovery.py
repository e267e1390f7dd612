"""The sampler on studies whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hepatica.errors import ComputationError, InputError
from hepatica.inference import Estimate, recover, simulate_study, uniformity
from hepatica.inference.problem import Problem
from tests.inference.problems import decaying
from tests.inference.test_sample import narrow


@pytest.fixture(scope="module")
def found() -> tuple[Problem, xr.Dataset]:
    problem = narrow()
    return problem, recover(problem, studies=80, draws=49)


def test_ranks_of_the_truth_are_uniform(found: tuple[Problem, xr.Dataset]) -> None:
    p = uniformity(found[1])
    assert (p > 0.01).all(), p
    assert found[1]["rank"].notnull().all()


def test_intervals_hold_what_they_say(found: tuple[Problem, xr.Dataset]) -> None:
    for level in (0.5, 0.9):
        hits = found[1]["inside"].sel(level=level).values
        for column in hits.T:
            assert stats.binomtest(int(column.sum()), len(column), level).pvalue > 0.01
        assert float(found[1]["predicted"].sel(level=level).mean()) == pytest.approx(level, abs=0.06)


def test_ranks_that_are_not_uniform_are_noticed(found: tuple[Problem, xr.Dataset]) -> None:
    narrow_draws = found[1].assign(rank=found[1]["rank"] // 2)
    assert (uniformity(narrow_draws) < 1e-3).all()


def test_known_truths_can_be_given() -> None:
    problem, truth = narrow(), np.array([[-0.3, -2.0]] * 3)
    told = recover(problem, studies=3, draws=20, truths=truth)
    np.testing.assert_array_equal(told["truth"], truth)
    assert told["inside"].notnull().all()
    with pytest.raises(InputError, match=r"^the truths have the shape \(3, 2\); expected \(4, 2\)\.$"):
        recover(problem, studies=4, truths=truth)


def test_simulated_measurements_scatter_around_the_expectation() -> None:
    problem, truth = narrow(), np.array([-0.3, -2.3])
    drawn = np.array([simulate_study(problem, truth, seed=s).values for s in range(200)])
    want = 2.0 * np.exp(-(10.0**-0.3) * problem.times)
    np.testing.assert_allclose(drawn.mean(axis=0), want, atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=0), np.exp(-2.3), rtol=0.2)


def test_a_study_that_cannot_be_simulated_is_left_out() -> None:
    problem = decaying(k=Estimate(id="k", lower=-1e6, upper=-9e5, nominal=-1e6))
    with pytest.raises(ComputationError, match="cannot be simulated; choose others"):
        simulate_study(problem, np.array([-1e6]))
    assert np.isnan(recover(replace(problem), studies=2, draws=10)["rank"]).all()
