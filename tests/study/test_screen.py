"""Screening rules on made-up steady states, counted by hand."""

import math

import numpy as np
import pytest
import xarray as xr

from hepatica.errors import ComputationError
from hepatica.experiment import Arm
from hepatica.library import load_cell_line, load_model
from hepatica.solver.status import Status
from hepatica.study.plan import Rule
from hepatica.study.screen import doubling_time, judge, screen
from hepatica.study.store import Store

LN2 = math.log(2)
IGF1 = Arm(id="IGF1")


def simulation(division, death, fold=None, status=None):
    n = len(division)
    fold = np.ones(n) if fold is None else np.array(fold)
    both = ("arm", "draw", "time")

    def level(values):
        return both, np.broadcast_to(np.array(values, dtype=float)[None, :, None], (2, n, 2)).copy()

    receptor = np.ones((2, n, 2))
    receptor[1, :, 1] = fold
    codes = np.zeros((2, n), dtype=np.int8) if status is None else np.array([status, status], dtype=np.int8)
    return xr.Dataset(
        {
            "division_rate": level(division),
            "death_rate": level(death),
            "pIGF1R": (both, receptor),
            "status": (("arm", "draw"), codes),
        },
        coords={"arm": ["control", "IGF1"], "draw": np.arange(n), "time": [0.0, 30.0]},
    )


def rule(kind, **more):
    return Rule(id=kind, sentence="s", kind=kind, **more)


def test_doubling_time_is_that_of_division_minus_death():
    rates = [LN2 / 1000, LN2 / 1000 * 1.2, LN2 / 1000 * 1.4, LN2 / 1000 * 0.7, 1e-5, np.nan]
    sim = simulation(rates, [0, 0, 0, 0, 2e-5, 0])
    assert judge(rule("doubling_time", limit=0.25), sim, 1000.0, "control").tolist() == [1, 1, 0, 0, 0, -1]


def test_daily_loss_compounds():
    limit = -math.log(0.95) / 1440
    sim = simulation([1e-3] * 3, [limit * 0.99, limit * 1.01, np.nan])
    assert judge(rule("daily_loss", limit=0.05), sim, 1000.0, "control").tolist() == [1, 0, -1]


def test_response_is_a_fold_at_its_time():
    sim = simulation([1e-3] * 4, [0] * 4, fold=[1.4, 1.5, 9.0, np.nan])
    answer = rule("response", limit=1.5, arm=IGF1, observable="pIGF1R", at=30.0)
    assert judge(answer, sim, 1000.0, "control").tolist() == [0, 1, 1, -1]


def test_steady_state_is_the_status():
    sim = simulation([1e-3] * 2, [0] * 2, status=[Status.OK, Status.NO_STEADY_STATE])
    assert judge(rule("steady_state"), sim, 1000.0, "control").tolist() == [1, 0]


def test_the_measured_doubling_time_is_the_cell_lines():
    assert doubling_time(load_model("hcc"), load_cell_line("SK-Hep1")) == pytest.approx(44.4 * 60)


def test_the_table_counts_candidates(finished):
    result, _ = finished
    table = result.screening
    assert list(table["rule"]) == ["steady", "growth", "loss", "answer"]
    candidates = table.attrs["candidates"]
    assert table.attrs["accepted"] == 5
    assert candidates == int(result.ensemble.draws["draw"].values[-1]) + 1
    growth = table.set_index("rule").loc["growth"]
    assert 5 <= growth["passed"] <= growth["tested"] <= candidates
    assert table["rejected_only_by_this"].sum() <= candidates - 5


def test_the_accepted_draws_do_not_depend_on_the_block(small, finished, tmp_path):
    from dataclasses import replace

    other = screen(replace(small, block=7), Store(tmp_path, "x", resume=False), threads=1)
    assert np.array_equal(other.ensemble.draws.values, finished[0].ensemble.draws.values)
    assert other.table.equals(finished[0].screening)
    assert other.levels["HepG2"].dims == ("draw", "parameter")
    assert (other.levels["HepG2"].values > 0).all()


def test_too_few_draws_name_the_hardest_rule(small, tmp_path):
    from dataclasses import replace

    impossible = replace(small.rules[2], limit=1e-12)
    study = replace(small, rules=(*small.rules[:2], impossible), candidates=40)
    with pytest.raises(ComputationError) as caught:
        screen(study, Store(tmp_path, "x", resume=False), threads=1)
    text = str(caught.value)
    assert text.startswith(
        "only 0 of 40 candidate draws pass the screening rules, 5 are wanted; the rule 'loss' in HepG2"
    )
    assert "(0 of " in text
