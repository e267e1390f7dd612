from dataclasses import replace

import pandas as pd

from hepatica.report.tables import decisive_rows, influence_rows, influence_unknown


def test_a_data_set_moves_a_claim_where_enough_draws_say_so(result) -> None:
    claim, line = result.study.claims[0].id, result.verdicts[0].cell_line
    same = {"claim": claim, "cell_line": line, "error": 0.02}
    rows = [
        same | {"data_set": "growth_a", "probability": 0.5, "change": 0.3, "n": 60},
        same | {"data_set": "growth_b", "probability": 0.77, "change": 0.03, "n": 60},
        same | {"data_set": "times", "probability": 0.0, "change": 0.8, "n": 3},
    ]
    moved = replace(result, influence=pd.DataFrame(rows))
    first = influence_rows(moved)[0]
    assert first["id"] == claim
    assert first["cells"][0] == "without growth a 0.50 ± 0.02"
    assert influence_unknown(moved) == ["times (3)"]
    assert influence_rows(result) == influence_unknown(result) == []


def test_an_undecided_claim_says_why(result) -> None:
    same = {"claim": "C3", "cell_line": "HepG2"}
    rows = [
        same | {"why": "data are lacking", "parameter": "EGF_serum", "rho": -0.5, "q": 0.0, "width": 0.9},
        same | {"why": "data are lacking", "parameter": "w", "rho": 0.2, "q": 0.0, "width": float("nan")},
        {
            "claim": "C5",
            "cell_line": "HepG2",
            "why": "no parameter",
            "parameter": "",
            "rho": None,
            "q": None,
            "width": None,
        },
    ]
    first, second = decisive_rows(replace(result, decisive=pd.DataFrame(rows)))
    assert (first["claim"], first["why"]) == ("C3", "data are lacking")
    assert [p["parameter"] for p in first["parts"]] == ["EGF_serum", "w"]
    assert first["parts"][0]["width"] == "0.9"
    assert second["parts"] == []
    assert decisive_rows(result) == []
