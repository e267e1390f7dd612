import numpy as np
import pytest
from scipy import stats

from hepatica.errors import InputError, NotFoundError
from hepatica.inference import Estimate, log_prior
from hepatica.inference.problem import Prior, Scale
from hepatica.inference.space import Space, prior_draws
from tests.inference.problems import decaying
from tests.inference.test_prior import ARGUMENTS

FACTORS = {"lin": 0.0, "log": 1.0, "log10": np.log(10.0)}


def one(**given: object) -> Space:
    return Space([Estimate(id="k", **{"lower": 0.6, "upper": 3.0, **given})])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
def test_the_density_of_what_is_drawn_is_the_prior(kind: str, scale: Scale) -> None:
    prior = Prior(distribution=kind, arguments=ARGUMENTS[kind], truncated=True)  # type: ignore[arg-type]
    estimate = Estimate(id="k", scale=scale, lower=0.6, upper=3.0, prior=prior)
    z = np.linspace(-6.0, 6.0, 25)[:, None]
    x, slope = Space([estimate]).points(z, np.zeros((25, 0), np.int64))
    linear = x if scale == "lin" else np.exp(FACTORS[scale] * x)
    assert ((linear >= 0.6 * (1 - 1e-12)) & (linear <= 3.0 * (1 + 1e-12))).all()
    density, _, _ = log_prior(x, linear, np.array([FACTORS[scale]]), [estimate])
    inner = 1.0 if scale == "lin" else FACTORS[scale] * linear[:, 0]
    inside = (linear[:, 0] > 0.6) & (linear[:, 0] < 3.0)
    want = stats.norm.pdf(z[:, 0]) / (np.exp(density) * inner)
    np.testing.assert_allclose(slope[inside, 0], want[inside], rtol=1e-6)
    h = 1e-6
    moved = [Space([estimate]).points(z + s, np.zeros((25, 0), np.int64))[0][:, 0] for s in (h, -h)]
    np.testing.assert_allclose(slope[4:-4, 0], (moved[0] - moved[1])[4:-4] / (2 * h), rtol=1e-5)


def test_without_a_prior_it_is_uniform_on_the_scale() -> None:
    drawn = prior_draws(decaying(), 500, seed=3)
    assert stats.kstest(drawn[:, 0], stats.uniform(-3.0, 6.0).cdf).pvalue > 0.01
    np.testing.assert_array_equal(drawn, prior_draws(decaying(), 500, seed=3))


def test_a_normal_prior_on_the_scale_is_cut_off_at_the_bounds() -> None:
    prior = Prior(distribution="normal", arguments=(1.0, 0.5), on_scale=True)
    space = one(scale="log10", lower=1.0, upper=100.0, prior=prior)
    x = space.points(*space.draw(2000, np.random.default_rng(1)))[0][:, 0]
    assert stats.kstest(x, stats.truncnorm(-2.0, 2.0, 1.0, 0.5).cdf).pvalue > 0.01


def test_a_prior_needs_no_bounds() -> None:
    prior = Prior(distribution="normal", arguments=(0.0, 1.0), on_scale=True)
    space = one(scale="log10", lower=0.0, upper=np.inf, prior=prior)
    x, slope = space.points(np.array([[-3.0], [30.0]]), np.zeros((2, 0), np.int64))
    np.testing.assert_allclose(x[:, 0], [-3.0, 30.0], rtol=1e-9)
    np.testing.assert_allclose(slope[:, 0], 1.0, rtol=1e-6)


def test_choices_are_drawn_with_their_probabilities() -> None:
    space = Space(decaying(sigma=None).estimated, {"k": {0.0: 3.0, 1.0: 1.0}})
    z, picked = space.draw(4000, np.random.default_rng(1))
    x, slope = space.points(z, picked)
    assert z.shape == slope.shape == (4000, 1)
    assert set(x[:, 0]) == {0.0, 1.0}
    assert x[:, 0].mean() == pytest.approx(0.25, abs=0.03)


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(
        InputError, match=r"^parameter 'k' has no prior, and the bounds -inf and inf on the scale lin; sampling needs"
    ):
        one(lower=-np.inf, upper=np.inf)
    with pytest.raises(InputError, match=r"^parameter 'k' has the bounds 3 and 0\.6; expected two in order\.$"):
        one(lower=3.0, upper=0.6)
    with pytest.raises(InputError, match=r"^the prior of 'k' has no probability between its bounds -2 and -1\.$"):
        one(lower=-2.0, upper=-1.0, prior=Prior(distribution="gamma", arguments=(2.0, 1.0)))
    with pytest.raises(NotFoundError, match=r"^choices are given for 'kk', which is not estimated\. Did you mean 'k'"):
        Space(decaying().estimated, {"kk": {0.0: 1.0, 1.0: 1.0}})
    with pytest.raises(InputError, match=r"^the choices of 'k' are \{0\.0: 1\.0\}; expected two or more"):
        Space(decaying().estimated, {"k": {0.0: 1.0}})
