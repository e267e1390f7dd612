import numpy as np
import pytest
import xarray as xr

from hepatica.report.reliability import effective, reasons, split_rhat

FINE = "converged: the objective changes no more"
STUCK = "stopped: as many iterations as were allowed"


def starts(objective: list[float], messages: list[str] | None = None) -> xr.Dataset:
    return xr.Dataset({"objective": ("start", objective), "message": ("start", messages or [FINE] * len(objective))})


def draws(**values: np.ndarray) -> xr.Dataset:
    return xr.Dataset({n: (("chain", "draw"), v) for n, v in values.items()})


def test_an_optimum_that_was_found_twice_is_one() -> None:
    assert list(reasons(starts([1.0, 1.05, 3.0]), None, None)) == []


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (starts([1.0, 1.2]), "the best optimum was found by one of 2 starts only; run more starts"),
        (starts([np.nan]), "no start could be evaluated"),
        (starts([1.0, 1.0], [STUCK] * 2), "no start converged; allow more iterations"),
        (
            starts([1.0, 1.0, 9.0], [STUCK, STUCK, FINE]),
            "none of the starts that found the best optimum converged; allow more iterations",
        ),
    ],
)
def test_each_reason_is_a_sentence(found: xr.Dataset, reason: str) -> None:
    assert list(reasons(found, None, None)) == [reason]


def test_a_better_optimum_along_a_profile_blocks() -> None:
    better = xr.Dataset(attrs={"better": "the profiles found a better optimum"})
    assert list(reasons(starts([1.0, 1.0]), better, None)) == ["the profiles found a better optimum; run more starts"]


def test_chains_that_do_not_agree_block() -> None:
    random = np.random.default_rng(1)
    fine = random.normal(size=(4, 1000))
    apart = fine + np.arange(4)[:, None]
    slow = np.cumsum(random.normal(size=(4, 1000)), axis=1)
    assert list(reasons(starts([1.0, 1.0]), None, draws(a=fine, fixed=np.ones((4, 1000))))) == []
    found = list(reasons(starts([1.0, 1.0]), None, draws(a=fine, b=apart)))
    assert found[0].startswith("the chains do not agree on 1 of 2 parameters (R-hat of b: 1.")
    assert found[1].startswith("1 of 2 parameters have too few independent draws (b: ")
    assert len(list(reasons(starts([1.0, 1.0]), None, draws(a=slow)))) == 2


def test_r_hat_and_effective_draws_of_what_is_known() -> None:
    random = np.random.default_rng(2)
    independent = random.normal(size=(4, 4000))
    assert split_rhat(independent) == pytest.approx(1.0, abs=2e-3)
    assert effective(independent) == pytest.approx(16000, rel=0.1)
    phi, noise = 0.8, random.normal(size=(4, 20000))
    walk = np.zeros_like(noise)
    for k in range(1, noise.shape[1]):
        walk[:, k] = phi * walk[:, k - 1] + noise[:, k]
    assert effective(walk) == pytest.approx(80000 * (1 - phi) / (1 + phi), rel=0.1)  # autoregression of first order
    wide = random.normal(size=(4, 4000)) * np.array([1.0, 1.0, 1.0, 3.0])[:, None]
    assert split_rhat(wide) > 1.05  # the folded one sees it
