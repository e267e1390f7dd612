import numpy as np
import pytest
import xarray as xr

from hepatica.report.reliability import reasons

FINE = "converged: the objective changes no more"
STUCK = "stopped: as many iterations as were allowed"


def starts(objective: list[float], messages: list[str] | None = None) -> xr.Dataset:
    return xr.Dataset({"objective": ("start", objective), "message": ("start", messages or [FINE] * len(objective))})


def chains(**values: np.ndarray) -> xr.DataTree:
    bounds = {"lower": 0.0, "upper": np.inf, "scale": "lin"}
    draws = xr.Dataset({n: (("chain", "draw"), v, bounds) for n, v in values.items()})
    moves = xr.Dataset({"acceptance": ("iteration", np.full(10, 0.8))})
    tree = xr.DataTree.from_dict({"posterior": draws, "iterations": moves})
    tree.attrs |= {"evaluations": 100, "failed": 0}
    return tree


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


def test_chains_that_do_not_agree_block_as_they_do_everywhere() -> None:
    random = np.random.default_rng(1)
    fine = random.normal(size=(4, 1000))
    apart = fine + np.arange(4)[:, None]
    assert list(reasons(starts([1.0, 1.0]), None, chains(a=fine))) == []
    found = list(reasons(starts([1.0, 1.0]), None, chains(a=fine, b=apart)))
    assert found[0].startswith("b: R-hat is 1.")
    many = list(reasons(starts([1.0, 1.0]), None, chains(**{f"k{i}": apart for i in range(9)})))
    assert "and 6 more like the last one" in many
    assert len([line for line in many if "R-hat" in line]) == 3
