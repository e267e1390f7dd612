import numpy as np
import pandas as pd
import pytest

from hepatica.calibration.compare import describe_disagreements, disagreements


def table(shift: dict[str, float], sign: float = 1.0) -> pd.DataFrame:
    """Twelve measurements of each line and stimulus, lognormal around 10 with one group shifted."""
    random = np.random.default_rng(2)
    rows = []
    for line in ("HepG2", "Huh7"):
        for stimulus in ("none", "IGF1"):
            for z in random.permutation((np.arange(12) + 0.5) / 12.0):
                moved = shift.get(f"{line}|{stimulus}", 0.0)
                rank = np.clip(z + moved, 0.01, 0.99)
                rows.append(
                    {"data_set": "d", "trial": f"{line}|{stimulus}|1.5", "observable": "o", "measured": sign * 10.0 * np.exp(rank - 0.5),
                     "q50": sign * 10.0, "rank": rank}
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_measurements_as_predicted_do_not_disagree() -> None:
    assert disagreements(table({})).empty
    assert describe_disagreements(disagreements(table({}))) == []


def test_a_stimulus_that_is_off_in_all_lines_is_told_once() -> None:
    found = disagreements(table({"HepG2|IGF1": 0.4, "Huh7|IGF1": 0.4}))
    assert found["where"].to_list() == ["* | IGF1 | *"]
    assert found.loc[0, "n"] == 24
    assert found.loc[0, "score"] > 3.0
    assert found.loc[0, "factor"] == pytest.approx(np.exp(0.4), rel=0.05)
    [line] = describe_disagreements(found)
    assert line.startswith("o of * | IGF1 | *: 24 values, measured 1.5 times what is predicted")


def test_values_without_a_factor_are_told_by_their_difference() -> None:
    found = disagreements(table({"Huh7|none": -0.5, "Huh7|IGF1": -0.5}, sign=-1.0))
    assert found["where"].to_list() == ["Huh7 | * | *"]
    assert np.isnan(found.loc[0, "factor"])
    assert "above what is predicted" in describe_disagreements(found)[0]


def test_bounds_and_failed_predictions_are_left_out() -> None:
    rows = table({"HepG2|IGF1": 0.4, "Huh7|IGF1": 0.4})
    assert disagreements(rows.assign(rank=np.nan)).empty
    assert disagreements(rows.assign(q50=np.nan)).empty
