from dataclasses import replace

import numpy as np
import pytest

from hepatica.inference import Estimate, Problem, Trial
from hepatica.inference.blocks import block_metric, find_blocks, make_blocks, move_blocks
from hepatica.inference.chains import sample_near
from hepatica.inference.hamiltonian import Counts, cloud_at
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.problem import Prior
from hepatica.inference.space import Space
from hepatica.model import Symbol
from tests.inference.problems import decaying


def lines() -> Problem:
    """Five decays: the first two share k and its noise, a third has a rate and a start of its own, two others one of their own."""
    problem = decaying((0.5, 0.5, 0.2, 0.9, 1.5), sigma=0.1)
    prior = Prior(distribution="normal", arguments=(np.log(0.5), 0.7), on_scale=True)
    own = [
        Estimate(id=n, scale="log", lower=1e-3, upper=1e3, nominal=v, prior=replace(prior, arguments=(np.log(v), 0.7)))
        for n, v in (("k_c", 0.3), ("A_c", 2.0), ("k_d", 1.0), ("k_e", 1.0))
    ]
    trials = (
        Trial(id="a"), Trial(id="b"), Trial(id="c", after={"k": Symbol("k_c"), "A": Symbol("A_c")}),
        Trial(id="d", after={"k": Symbol("k_d")}), Trial(id="e", after={"k": Symbol("k_e")}),
    )  # fmt: skip
    shared = replace(problem.parameters[0], scale="log", prior=prior)
    return replace(problem, parameters=(shared, *own), trials=trials)


def test_parameters_that_the_same_trials_name_are_a_block() -> None:
    problem = lines()
    ((members, rows),) = find_blocks(problem)
    assert [problem.estimated[k].id for k in members] == ["k_c", "A_c"]
    np.testing.assert_array_equal(problem.trial[rows], 2)
    assert find_blocks(problem, ["A_c"]) == []  # one that is chosen is not moved, and one alone is no block
    few = replace(
        problem, trials=(*problem.trials[:2], *(replace(t, after=problem.trials[2].after) for t in problem.trials[2:]))
    )
    assert find_blocks(few) == []  # most trials: no less work than all


def test_a_subset_has_the_likelihood_of_its_measurements() -> None:
    problem = lines()
    ((_, rows),) = find_blocks(problem)
    x = np.array([problem.nominal, problem.nominal + 0.1])
    rest = np.setdiff1d(np.arange(len(problem.values)), rows)
    whole, part, other = (Likelihood(p)(x) for p in (problem, problem.subset(rows), problem.subset(rest)))
    np.testing.assert_allclose(part + other, whole, rtol=1e-9)
    assert [t.id for t in problem.subset(rows).trials] == ["c"]


def test_a_block_moves_and_the_rest_stays() -> None:
    problem = lines()
    space, random, counts = Space(problem.estimated), np.random.default_rng(1), Counts()
    blocks = make_blocks(problem, tolerances=None, threads=1)
    z, none = 0.1 * random.normal(size=(6, 5)), np.zeros((6, 0), np.int64)
    metric = block_metric(space, blocks[0], z, none, counts)
    assert metric is not None
    assert (metric[[0, 3, 4]] == 0.0).all()
    assert (metric[:, [0, 3, 4]] == 0.0).all()
    cloud = cloud_at(space, Likelihood(problem).gradient, z, none, counts)
    steps = np.array([0.5])
    moved, rate = move_blocks(space, blocks, metric[None], steps, cloud, random, counts, adapt=True)
    np.testing.assert_array_equal(moved[:, [0, 3, 4]], z[:, [0, 3, 4]])
    assert (moved[:, [1, 2]] != z[:, [1, 2]]).any()
    assert 0.5 < rate <= 1.0
    assert steps[0] != 0.5
    assert counts.evaluations > 6


def test_draws_with_blocks_have_the_moments_of_each_line() -> None:
    problem = lines()
    start = dict(zip((p.id for p in problem.estimated), problem.nominal, strict=True))
    tree = sample_near(problem, [start], draws=4000, chains=40, warm=30)
    assert np.isfinite(tree["iterations"]["in_blocks"].values[1:]).all()
    times = problem.times[:5]
    for name in ("k_d", "k_e"):  # by hand: one rate, five values
        values = problem.values[problem.trial == {"k_d": 3, "k_e": 4}[name]]
        grid = np.linspace(np.log(0.05), np.log(20.0), 4001)
        log = -0.5 * (((values[:, None] - 2.0 * np.exp(-np.exp(grid) * times[:, None])) / 0.1) ** 2).sum(axis=0)
        log += -0.5 * (grid / 0.7) ** 2
        weight = np.exp(log - log.max())
        mean = np.average(grid, weights=weight)
        spread = np.sqrt(np.average((grid - mean) ** 2, weights=weight))
        draws = tree["posterior"][name].values
        assert draws.mean() == pytest.approx(mean, abs=0.1 * spread)
        assert draws.std() == pytest.approx(spread, rel=0.1)
    values = problem.values[problem.trial == 2]
    k, a = np.meshgrid(np.linspace(-3.5, 0.5, 801), np.linspace(0.0, 1.5, 601), indexing="ij")
    expected = np.exp(a)[..., None] * np.exp(-np.exp(k)[..., None] * times)
    log = -0.5 * (((values - expected) / 0.1) ** 2).sum(axis=-1)
    log += -0.5 * ((k - np.log(0.3)) / 0.7) ** 2 - 0.5 * ((a - np.log(2.0)) / 0.7) ** 2
    weight = np.exp(log - log.max())
    for name, grid in (("k_c", k), ("A_c", a)):
        mean = np.average(grid, weights=weight)
        spread = np.sqrt(np.average((grid - mean) ** 2, weights=weight))
        draws = tree["posterior"][name].values
        assert draws.mean() == pytest.approx(mean, abs=0.1 * spread)
        assert draws.std() == pytest.approx(spread, rel=0.1)
