"""Claims: reading, contrasts, and verdicts counted by hand."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hepatica.claims import Claim, Contrast, contrast_effect, data_influence, evaluate_claims, read_claims
from hepatica.errors import FormatError, InputError, NotFoundError, StorageError

TEXT = """
[[claim]]
id = "C7"
text = "knock-down raises sorafenib-induced apoptosis"
source = "founding"
where = "abstract, stated"
kind = "entailed"
[[claim.contrast]]
id = "casp48"
experiment = "dish"
readout = "cleaved_caspase"
at = "48 h"
treated = "shIGF1R + sorafenib 5 uM"
reference = "shNT + sorafenib 5 uM"
minus = ["shIGF1R", "shNT"]
cell_lines = ["HepG2", "SK-Hep1"]
expect = "increase"
"""
ARMS = ["shNT", "shIGF1R", "shNT + sorafenib 5 uM", "shIGF1R + sorafenib 5 uM"]
LINES = ["HepG2", "SK-Hep1"]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "claims.toml"
    file.write_text(TEXT)
    return file


def readout(values, name="viability"):
    """values: arm x draw, the same in HepG2; SK-Hep1 has all arms equal."""
    values = np.asarray(values, dtype=float)
    both = np.stack([values, np.broadcast_to(values[:1], values.shape)])
    return xr.DataArray(
        both,
        dims=("cell_line", "arm", "draw"),
        coords={"cell_line": LINES, "arm": ARMS, "draw": np.arange(values.shape[1])},
        name=name,
    )


def contrast(**changes):
    fields = {
        "id": "c", "experiment": "dish", "readout": "viability", "treated": "shIGF1R", "reference": "shNT",
        "cell_lines": ("HepG2",), "expect": "decrease",
    }  # fmt: skip
    return Contrast(**(fields | changes))


def claim(*contrasts):
    return Claim(id="X", text="t", source="s", where="w", kind="entailed", contrasts=contrasts)


def judge(array, *contrasts, weights=None, chains=None):
    return evaluate_claims([claim(*contrasts)], {"dish": {"viability": array}}, weights, chains=chains)


def test_reading_gives_the_contract(path):
    (read,) = read_claims(path)
    assert read.id == "C7"
    assert read.kind == "entailed"
    assert read.contrasts[0].minus == ("shIGF1R", "shNT")
    assert read.contrasts[0].at == "48 h"
    assert read.contrasts[0].threshold == 0.01


def test_a_verdict_counts_draws():
    array = readout([[1.0] * 10, [0.5] * 9 + [2.0], [1.0] * 10, [1.0] * 10])
    verdict, together = judge(array, contrast())
    assert verdict.outcome == "supported"
    assert verdict.probability == pytest.approx(0.9)
    assert verdict.effect == pytest.approx(0.5)
    assert verdict.interval == pytest.approx((0.5, 2.0))
    assert (verdict.n, verdict.left_out) == (10, 0)
    middle = (0.9 * 10 + 0.5) / 11
    assert verdict.error == pytest.approx(math.sqrt(middle * (1 - middle) / 12))
    assert together.contrast == "all"
    assert together.probability == pytest.approx(0.9)
    assert math.isnan(together.effect)


def test_missing_draws_are_left_out_and_counted():
    array = readout([[1.0] * 4, [0.5, np.nan, 0.5, 1.5], [1.0] * 4, [1.0] * 4])
    verdict = judge(array, contrast())[0]
    assert (verdict.n, verdict.left_out) == (3, 1)
    assert verdict.probability == pytest.approx(2 / 3)
    assert verdict.outcome == "undecided"
    nothing = judge(readout(np.full((4, 3), np.nan)), contrast())[0]
    assert (nothing.n, nothing.left_out, nothing.outcome) == (0, 3, "undecided")
    assert math.isnan(nothing.probability)


def test_an_effect_within_the_threshold_is_no_change():
    array = readout([[1.0] * 4, [0.995, 0.98, 0.98, 0.98], [1.0] * 4, [1.0] * 4])
    assert judge(array, contrast())[0].probability == pytest.approx(0.75)
    verdicts = judge(array, contrast(cell_lines=("SK-Hep1",)))
    assert verdicts[0].probability == 0.0
    assert verdicts[0].outcome == "contradicted"
    assert verdicts[0].error > 0


def test_draws_of_chains_that_differ_are_less_sure():
    array = readout([[1.0] * 40, [0.5] * 20 + [2.0] * 20, [1.0] * 40, [1.0] * 40])
    alone = judge(array, contrast())[0]
    chains = xr.DataArray(np.repeat([0, 1, 2, 3], 10), dims="draw", coords={"draw": range(40)})
    stuck = judge(array, contrast(), chains=chains)[0]
    assert stuck.probability == alone.probability == 0.5
    assert stuck.error == pytest.approx(0.5 / math.sqrt(3))  # shares 1, 1, 0, 0: as four draws
    mixed = judge(array, contrast(), chains=xr.DataArray(np.tile([0, 1], 20), dims="draw", coords=chains.coords))[0]
    assert mixed.error == alone.error
    single = judge(array, contrast(), chains=xr.zeros_like(chains))[0]
    assert single.error == alone.error


def test_weights_count():
    array = readout([[1.0] * 3, [0.5, 2.0, 2.0], [1.0] * 3, [1.0] * 3])
    weights = xr.DataArray([8.0, 1.0, 1.0], dims="draw", coords={"draw": [0, 1, 2]})
    verdict = judge(array, contrast(), weights=weights)[0]
    assert verdict.probability == pytest.approx(0.8)
    assert verdict.effect == pytest.approx(0.5)


@given(
    st.lists(st.floats(0.01, 100) | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_draws_and_the_scale_of_weights_do_not_matter(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    ones = [1.0] * len(values)
    array = readout([ones, values, ones, ones])
    shuffled = array.isel(draw=order)
    weights = xr.DataArray(np.full(len(values), 3.7), dims="draw", coords={"draw": array["draw"]})
    plain, other = judge(array, contrast())[0], judge(shuffled, contrast(), weights=weights)[0]
    assert (plain.n, plain.left_out, plain.outcome) == (other.n, other.left_out, other.outcome)
    assert plain.n + plain.left_out == len(values)
    if plain.n:
        assert 0.0 <= plain.probability <= 1.0
        assert plain.probability == pytest.approx(other.probability)
        assert plain.error == pytest.approx(other.error)
        assert plain.interval == pytest.approx(other.interval)


def test_censored_values_compare_and_two_of_them_cannot():
    array = readout([[np.inf, np.inf, 5.0], [5.0, np.inf, np.inf], [1.0] * 3, [1.0] * 3])
    verdict = judge(array, contrast())[0]
    assert (verdict.n, verdict.left_out) == (2, 1)
    assert verdict.probability == pytest.approx(0.5)


def test_interactions_take_the_baseline_off():
    array = readout([[1.0], [2.0], [3.0], [12.0]])
    combined = {"treated": ARMS[3], "reference": ARMS[2], "minus": ("shIGF1R", "shNT"), "expect": "increase"}
    readouts = {"dish": {"viability": array}}
    assert contrast_effect(contrast(**combined), "HepG2", readouts).item() == pytest.approx(2.0)
    log = contrast_effect(contrast(**combined, effect="log2"), "HepG2", readouts)
    assert log.item() == pytest.approx(1.0)
    difference = contrast_effect(contrast(**combined, effect="difference"), "HepG2", readouts)
    assert difference.item() == pytest.approx(8.0)


def test_cell_lines_can_be_compared_and_zero_too():
    array = readout([[2.0], [4.0], [1.0], [1.0]])
    across = contrast(reference="", reference_cell_line="SK-Hep1", expect="increase")
    assert contrast_effect(across, "HepG2", {"dish": {"viability": array}}).item() == pytest.approx(2.0)
    zero = contrast(reference="", effect="difference")
    assert contrast_effect(zero, "HepG2", {"dish": {"viability": array}}).item() == pytest.approx(4.0)
    with pytest.raises(InputError, match="claim X, contrast c: a ratio needs a reference arm or cell line"):
        judge(array, contrast(reference=""))


def test_all_holds_only_where_each_does():
    array = readout([[1.0] * 4, [0.5, 0.5, 2.0, 2.0], [1.0] * 4, [0.5, 2.0, 0.5, np.nan]])
    first = contrast(id="a", cell_lines=("HepG2", "SK-Hep1"))
    second = contrast(id="b", treated=ARMS[3])
    verdicts = judge(array, first, second)
    together = [v for v in verdicts if v.contrast == "all"]
    assert [(v.cell_line, v.n, v.left_out) for v in together] == [("HepG2", 3, 1)]
    assert together[0].probability == pytest.approx(1 / 3)


def test_time_and_band_are_chosen():
    array = readout(np.ones((4, 2))).expand_dims(time=[1440.0, 2880.0], band=["pERK", "pAKT S473"])
    array = array * xr.DataArray([1.0, 3.0], dims="time", coords={"time": [1440.0, 2880.0]})
    effect = contrast_effect(
        contrast(effect="difference", reference="", at="48 h", band="pERK"), "HepG2", {"dish": {"viability": array}}
    )
    assert effect.values == pytest.approx([3.0, 3.0])
    with pytest.raises(
        InputError, match="readout 'viability' has also the dimension time; choose one with 'at' or 'band'"
    ):
        judge(array, contrast(band="pERK"))
    with pytest.raises(NotFoundError, match=r"readout 'viability' is not read at 50 h; it is read at 24 h, 48 h\."):
        judge(array, contrast(band="pERK", at="50 h"))
    with pytest.raises(NotFoundError, match=r"readout 'viability' has no band 'pErk'\. Did you mean 'pERK'\?"):
        judge(array, contrast(band="pErk", at="48 h"))
    with pytest.raises(NotFoundError, match=r"readout 'viability' has no band; leave 'band' out\."):
        judge(array.isel(band=0), contrast(band="pERK", at="48 h"))
    assert judge(array.isel(time=[0]), contrast(band="pERK"))[0].n == 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"experiment": "dsh"}, "claim X, contrast c: no experiment 'dsh'. Did you mean 'dish'?"),
        ({"readout": "viabilty"}, "no readout 'viabilty'. Did you mean 'viability'?"),
        ({"treated": "shIGFR"}, "readout 'viability' has no arm 'shIGFR'. Did you mean 'shIGF1R'?"),
        ({"cell_lines": ("HepG22",)}, "no cell line 'HepG22'. Did you mean 'HepG2'?"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(changes, text):
    with pytest.raises(NotFoundError) as caught:
        judge(readout(np.ones((4, 2))), contrast(**changes))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('at = ', 'treshold = 1.0\nat = ', "unknown key 'treshold' in [[claim.contrast]] number 1. Did you mean 't"),
        ('kind = "entailed"', 'kind = "guessed"', "'kind' in [[claim]] number 1 is 'guessed'; expected 'input' or"),
        ('source = "founding"\n', "", "the key 'source' is missing in [[claim]] number 1."),
        ('id = "C7"', 'id = "C7', ":3: not valid TOML: "),
        ('expect = "increase"\n', 'expect = "increase"\n' + TEXT, "two claims have the id 'C7'; give each its own."),
        ('["HepG2", "SK-Hep1"]', "[]", ":16: 'cell_lines' in [[claim.contrast]] number 1 is a list; expected"),
        ('expect = "increase"', 'expect = [', ":18: not valid TOML: "),
    ],
)  # fmt: skip
def test_mistakes_in_the_file_are_named(path, old, new, text):
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(FormatError) as caught:
        read_claims(path)
    assert str(caught.value).startswith(str(path))
    assert text in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(StorageError, match=r"'.*claims.toml' could not be read: No such file or directory\."):
        read_claims(tmp_path / "claims.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not UTF-8 text at byte 0; save the file as UTF-8"):
        read_claims(tmp_path / "binary.toml")


def test_a_data_set_that_speaks_for_a_claim_moves_it():
    whole = readout([[1.0] * 10, [0.5] * 9 + [2.0], [1.0] * 10, [1.0] * 10])
    claims = [claim(contrast())]
    verdicts = evaluate_claims(claims, {"dish": {"viability": whole}})
    less = {"dish": {"viability": readout([[1.0] * 8, [0.5, 2.0] * 2 + [0.5] * 4, [1.0] * 8, [1.0] * 8])}}
    left_out = xr.DataArray(["for"] * 4 + ["silent"] * 4, dims="draw", coords={"draw": range(8)})
    table = data_influence(claims, verdicts, less, left_out).set_index("data_set")
    assert table["probability"].to_dict() == {"for": 0.5, "silent": 1.0}
    assert table.loc["for", "change"] == pytest.approx(0.4)
    assert table.loc["silent", "change"] == pytest.approx(-0.1)
    alone = evaluate_claims(claims, {"dish": {"viability": less["dish"]["viability"].isel(draw=slice(0, 4))}})[-1]
    assert table.loc["for", "error"] == pytest.approx(math.hypot(verdicts[-1].error, alone.error))
    assert table["n"].tolist() == [4, 4]
    chains = xr.DataArray([0, 1] * 4, dims="draw", coords=left_out.coords)
    stuck = data_influence(claims, verdicts, less, left_out, chains).set_index("data_set")
    assert stuck.loc["for", "error"] > table.loc["for", "error"]
