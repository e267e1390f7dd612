from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import dblquad

from hepatica.errors import InputError
from hepatica.inference import Estimate, Journal, Likelihood, sample, sample_header
from hepatica.inference.problem import Prior, Problem
from hepatica.inference.sample import points_of
from tests.inference.problems import TIMES, decaying

FEW = {"draws": 60, "chains": 2, "particles": 30}


def narrow(noise: int = 7) -> Problem:
    """The decay with a prior that is not far from the truth."""
    k, sd = decaying(sigma=None, noise=noise).parameters
    priors = [Prior(distribution="normal", arguments=a, on_scale=True) for a in ((-0.3, 0.2), (-2.3, 0.5))]
    return replace(
        decaying(sigma=None, noise=noise), parameters=(replace(k, prior=priors[0]), replace(sd, prior=priors[1]))
    )


def density(problem: Problem, k: float, sd: float) -> float:
    """Likelihood times prior; the decay by hand."""
    residual = (problem.values - 2.0 * np.exp(-(10.0**k) * TIMES)) / np.exp(sd)
    value = -0.5 * (residual**2).sum() - len(TIMES) * (sd + 0.5 * np.log(2.0 * np.pi))
    value += (
        -0.5 * ((k + 0.3) / 0.2) ** 2 - np.log(0.2) - 0.5 * ((sd + 2.3) / 0.5) ** 2 - np.log(0.5) - np.log(2.0 * np.pi)
    )
    return float(np.exp(value))


def test_evidence_and_moments_equal_integrals() -> None:
    problem = narrow()
    tree = sample(problem, draws=2000, chains=4, particles=200)

    def integral(of: object = None) -> float:
        weigh = of or (lambda _k, _sd: 1.0)
        return float(
            dblquad(lambda sd, k: weigh(k, sd) * density(problem, k, sd), -0.9, 0.3, -4.5, 0.0, epsabs=1e-8)[0]
        )  # type: ignore[operator]

    total = integral()
    assert tree["tempering"]["log_evidence"].values == pytest.approx(np.log(total), abs=0.35)
    for name, pick in (("k", lambda k, _s: k), ("sd", lambda _k, s: s)):
        mean = integral(pick) / total
        spread = np.sqrt(integral(lambda k, s, p=pick, m=mean: (p(k, s) - m) ** 2) / total)
        assert tree["posterior"][name].values.mean() == pytest.approx(mean, abs=0.1 * spread)
        assert tree["posterior"][name].values.std() == pytest.approx(spread, rel=0.1)


def test_what_is_given_is_laid_out_as_arviz_has_it() -> None:
    problem = narrow()
    tree = sample(problem, **FEW)
    assert set(tree.children) == {"posterior", "prior", "sample_stats", "tempering", "log_likelihood", "observed_data"}
    assert tree["posterior"]["k"].dims == ("chain", "draw")
    assert tree["posterior"]["k"].attrs["scale"] == "log10"
    points = points_of(problem, tree)
    value = Likelihood(problem)(points.reshape(-1, 2))
    np.testing.assert_allclose(tree["sample_stats"]["log_likelihood_sum"].values.ravel(), value, rtol=1e-9)
    np.testing.assert_allclose(tree["log_likelihood"]["measurement"].sum("row").values.ravel(), value, rtol=1e-5)
    assert (tree["sample_stats"]["lp"] != tree["sample_stats"]["log_likelihood_sum"]).all()
    np.testing.assert_array_equal(tree["observed_data"]["measurement"], problem.values)
    assert float(tree["tempering"]["beta"].isel(stage=-1).min()) == 1.0


def test_the_number_of_threads_and_of_chains_changes_no_bit() -> None:
    problem = narrow()
    tree = sample(problem, **FEW)
    xr.testing.assert_identical(tree, sample(problem, **FEW, threads=2))
    alone = sample(problem, draws=30, chains=1, particles=30)
    np.testing.assert_array_equal(points_of(problem, alone)[0], points_of(problem, tree)[0])
    other = sample(problem, **FEW, seed=2)
    assert not np.isin(points_of(problem, other), points_of(problem, tree)).any()


def test_a_run_goes_on_from_its_journal_to_the_same_bits(tmp_path: Path) -> None:
    problem, plain = narrow(), sample(narrow(), **FEW)
    header = sample_header(problem, particles=30)

    def stopping(done: int, _all: int) -> None:
        if done > 120:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Journal.open(tmp_path / "j", header) as journal:
        sample(problem, **FEW, journal=journal, progress=stopping)
    with Journal.open(tmp_path / "j", header, resume=True) as journal:
        assert journal.count("chain 1") > 0
        before = journal.count("chain 1 stages")
        xr.testing.assert_identical(sample(problem, **FEW, journal=journal), plain)
        stages = list(journal.entries("chain 1 stages"))
    assert len(stages) > before
    assert stages[-1]["points"].shape == (30, 2)
    assert stages[-1]["beta"] == 1.0
    with Journal.open(tmp_path / "j", header, resume=True) as journal:  # more draws, from where it ended
        more = sample(problem, draws=120, chains=2, particles=30, journal=journal)
    np.testing.assert_array_equal(points_of(problem, more)[:, ::2], points_of(problem, plain))
    with pytest.raises(InputError, match="particles"):
        Journal.open(tmp_path / "j", sample_header(problem, particles=31), resume=True)


def test_a_rival_rate_gets_its_probability() -> None:
    """Two values of the rate with one likelihood each: no integral is left."""
    problem = decaying()
    rates = np.log10([0.45, 0.6])
    value = Likelihood(problem)(rates[:, None]) + np.log([0.25, 0.75])
    want = np.exp(value - np.logaddexp.reduce(value))
    assert 0.05 < want[0] < 0.95
    free = replace(problem, parameters=(*problem.parameters, Estimate(id="nothing", lower=0.0, upper=1.0, nominal=0.5)))
    tree = sample(free, draws=2000, chains=2, particles=500, choices={"k": {rates[0]: 0.25, rates[1]: 0.75}})
    assert (tree["posterior"]["k"].values == rates[0]).mean() == pytest.approx(want[0], abs=0.05)
    assert tree["tempering"]["log_evidence"].values == pytest.approx(np.logaddexp.reduce(value), abs=0.15)
    assert tree.attrs["choices"] == ["k"]


@pytest.mark.parametrize(("given", "text"), [
    ({"draws": 0}, r"^0 draws were asked for; expected 1 or more\.$"),
    ({"particles": 3}, r"^3 particles were asked for; expected 4 or more\.$"),
    ({"keep": 1.0}, r"^the share of particles to keep is 1; expected"),
])  # fmt: skip
def test_settings_that_cannot_be_used_are_said(given: dict[str, float], text: str) -> None:
    with pytest.raises(InputError, match=text):
        sample(decaying(), **given)  # type: ignore[arg-type]
