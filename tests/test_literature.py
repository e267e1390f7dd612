import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hepatica.errors import FormatError, NotFoundError
from hepatica.library import load_measurements
from hepatica.literature import beside, compare_with_literature, read_checks

CHECK = """
[[check]]
id = "volume"
text = "volume of tumours"
measured = ["xenograft_shrna"]
over = "xenograft_control"
experiment = "mouse"
readout = "tumour_volume"
at = "28 day"
treated = "shIGF1R"
reference = "control"
cell_lines = ["HepG2"]
"""
PERCENT = CHECK.replace('["xenograft_shrna"]', '["perk_hcclm6_10", "air3_48h"]').replace(
    'over = "xenograft_control"\n', ""
)


def written(tmp_path, text):
    path = tmp_path / "literature.toml"
    path.write_text(text)
    return path


def mice(ratios):
    """Readouts of tumours whose ratio is known."""
    ratios = np.asarray(ratios, float)
    values = np.stack([np.full(ratios.shape, 100.0), 100.0 * ratios])[None, :, :, None]
    coords = {
        "cell_line": ["HepG2"],
        "arm": ["control", "shIGF1R"],
        "draw": np.arange(ratios.size),
        "time": [28 * 1440.0],
    }
    return {"mouse": {"tumour_volume": xr.DataArray(values, dims=("cell_line", "arm", "draw", "time"), coords=coords)}}


def compared(tmp_path, ratios, text=CHECK, weights=None):
    return compare_with_literature(read_checks(written(tmp_path, text)), mice(ratios), weights)


def test_a_ratio_of_two_measured_numbers(tmp_path):
    row = compared(tmp_path, [0.4] * 4000).iloc[0]
    share = np.hypot(24 / 143, 46 / 372)
    assert (row["measured"], row["sd"]) == pytest.approx((143 / 372, share * 143 / 372))
    assert (row["unit"], row["source"]) == ("1", "tumorbiol2016")
    # all draws agree: what is left is the scatter of the measurement, 1.645 standard deviations to either side
    assert np.log([row["q05"] / 0.4, row["median"] / 0.4, row["q95"] / 0.4]) == pytest.approx(
        [-1.645 * share, 0.0, 1.645 * share], abs=0.02
    )


@pytest.mark.parametrize(
    ("ratios", "within"),
    [([0.2, 0.3, 0.4, 0.5], "50 %"), ([0.1] + [0.9] * 9, "90 %"), ([0.8, 0.9], "below"), ([0.05, 0.1], "above")],
)
def test_where_a_number_lies(tmp_path, ratios, within):
    assert compared(tmp_path, np.repeat(ratios, 500)).iloc[0]["within"] == within


def test_percentages_are_ratios_and_each_number_has_a_row(tmp_path):
    table = compared(tmp_path, [0.5] * 10, PERCENT)
    assert table["measured"].tolist() == pytest.approx([0.2812, 0.9253])
    assert table["system"].tolist() == ["HCCLM6, n=6", "HepG2, MTT"]
    assert table["q05"].iloc[1] == table["q95"].iloc[1] == 0.5  # no standard deviation was published: no scatter


def test_failed_draws_are_left_out_and_counted_and_weights_count(tmp_path):
    weights = xr.DataArray([0.0, 1.0, 1.0], dims="draw", coords={"draw": [0, 1, 2]})
    row = compared(tmp_path, [0.5, 0.9, np.nan], PERCENT, weights).iloc[1]
    assert (row["n"], row["left_out"], row["median"]) == (2, 1, 0.9)
    nothing = compared(tmp_path, [np.nan, np.nan]).iloc[0]
    assert (nothing["n"], nothing["within"]) == (0, "unknown")
    assert np.isnan(nothing["median"])


def test_the_prior_stands_beside(tmp_path):
    table = beside(compared(tmp_path, [0.4] * 9), compared(tmp_path, [0.9] * 9))
    assert table["prior_median"].iloc[0] > 0.7 > table["median"].iloc[0]
    assert table["prior_within"].iloc[0] == "below"


def test_errors_are_sentences(tmp_path):
    with pytest.raises(NotFoundError, match=r"no row 'xenograft_shrn'\. Did you mean 'xenograft_shrna'"):
        read_checks(written(tmp_path, CHECK.replace('"xenograft_shrna"', '"xenograft_shrn"')))
    with pytest.raises(FormatError, match="two checks have the id 'volume'"):
        read_checks(written(tmp_path, CHECK + CHECK))
    with pytest.raises(FormatError, match="the key 'measured' is missing"):
        read_checks(written(tmp_path, CHECK.replace("measured", "mesured")))
    with pytest.raises(NotFoundError, match="no arm 'shIGFR'"):
        compared(tmp_path, [0.4], CHECK.replace('"shIGF1R"', '"shIGFR"'))


def test_ids_of_rows_differ():
    assert load_measurements("literature_checks")["id"].is_unique
    assert isinstance(compare_with_literature((), {}), pd.DataFrame)
