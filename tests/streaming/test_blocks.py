import numpy as np
import pytest
import xarray as xr

from hepatica.compiler import compile as stages
from hepatica.ensemble import draw_prior
from hepatica.errors import InputError
from hepatica.simulation import simulate
from hepatica.streaming import prior_blocks, simulate_blocks
from tests.streaming.cases import EXPERIMENT, uncertain


def test_blocks_are_pieces_of_one_draw() -> None:
    model = uncertain()
    whole = draw_prior(model, 11, seed=3, start=5)
    blocks = list(prior_blocks(model, 11, seed=3, size=4, start=5))
    assert [b.size for b in blocks] == [4, 4, 3]
    xr.testing.assert_identical(xr.concat([b.draws for b in blocks], "draw"), whole.draws)


def test_simulated_blocks_are_pieces_of_one_simulation() -> None:
    model = uncertain()
    whole = simulate(model, EXPERIMENT, draw_prior(model, 20, seed=3), threads=1, times=(7.0,))
    blocks = list(simulate_blocks(model, EXPERIMENT, prior_blocks(model, 20, seed=3, size=7), threads=1, times=(7.0,)))
    for block, first in zip(blocks, (0, 7, 14), strict=True):
        xr.testing.assert_identical(block, whole.isel(draw=slice(first, first + 7)))


def test_the_model_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    linked = []
    real = stages._link
    monkeypatch.setenv("HEPATICA_CACHE", str(tmp_path))
    monkeypatch.setattr(stages, "_link", lambda *a: linked.append(a[0]) or real(*a))
    blocks = simulate_blocks(uncertain(), EXPERIMENT, prior_blocks(uncertain(), 9, seed=1, size=3), threads=1)
    assert sum(b.sizes["draw"] for b in blocks) == 9
    assert len(linked) == 1


def test_nothing_is_drawn_before_it_is_asked_for() -> None:
    blocks = prior_blocks(uncertain(), 10**12, seed=1, size=2)
    assert np.asarray(next(blocks).draws["draw"]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"draws": 5, "size": 0}, "a block has 0 draws; expected at least one"),
        ({"draws": 0}, "0 draws were asked for; expected at least one"),
        ({"draws": 3, "start": -1}, "the first draw is -1; expected zero or more"),
    ],
)
def test_wrong_numbers(options: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        list(prior_blocks(uncertain(), seed=1, **options))
