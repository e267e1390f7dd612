"""A run end to end: what it gives, keeps and continues."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from hepatica.ensemble import Ensemble, read_ensemble
from hepatica.errors import InputError, StorageError
from hepatica.study import as_data, describe_claim, run_study, study_sources
from hepatica.study import run as run_module
from hepatica.study.result import conclude
from hepatica.study.save import save_result
from hepatica.study.units import pack, plan_units, unpack, with_levels


def same(first, second):
    assert first.keys() == second.keys()
    for experiment, readouts in first.items():
        assert readouts.keys() == second[experiment].keys()
        for name, array in readouts.items():
            xr.testing.assert_identical(array, second[experiment][name])


def test_readouts_follow_the_contract(finished):
    result, _ = finished
    dish = result.readouts["dish"]
    assert set(dish) == {"viability", "western_blot", "gr", "s_phase", "ic50", "gr50", "emax", "hill", "auc"}
    assert dish["viability"].dims == ("cell_line", "arm", "draw")
    assert dish["western_blot"].dims == ("cell_line", "arm", "draw", "time", "band")
    assert list(dish["ic50"]["arm"].values) == ["control", "shIGF1R"]
    assert dish["viability"].sel(arm="control").values == pytest.approx(1.0)
    assert (dish["viability"].sel(arm="sorafenib 40 uM") < 1.0).all()
    assert list(dish["viability"]["sorafenib_uM"].values[:4]) == [0.0, 2.5, 10.0, 40.0]
    assert result.readouts["clamp"]["viability"].sizes["draw"] == 3
    assert list(result.readouts["clamp"]["ic50"]["arm"].values) == [
        "akt clamp", "shIGF1R + akt clamp", "both clamp", "shIGF1R + both clamp",
    ]  # fmt: skip
    volume = result.readouts["mouse"]["tumour_volume"]
    assert (volume.isel(time=1) != volume.isel(time=0)).all()
    receptor = result.readouts["expression"]["igf1r_total"]
    assert list(receptor["cell_line"].values) == ["HepG2", "hepatocyte"]
    assert (receptor.sel(cell_line="HepG2") > receptor.sel(cell_line="hepatocyte")).all()


def test_holding_both_pathways_at_control_takes_all_of_the_effect_away(finished):
    result, _ = finished
    table = result.pathway.set_index("pathway")
    assert list(table.index) == ["Akt", "both"]
    assert (table["n"] + table["unresolved"] == 3).all()
    if table.loc["both", "n"]:
        assert table.loc["both", "share"] == pytest.approx(1.0, abs=0.05)
    share = result.readouts["clamp"]["pathway_share"]
    assert share.dims == ("cell_line", "arm", "draw")


def test_verdicts_sensitivity_and_failures(finished):
    result, _ = finished
    assert [(v.claim, v.contrast) for v in result.verdicts] == [
        ("C1", "receptor"), ("C1", "all"), ("P1", "share"), ("P1", "all"),
    ]  # fmt: skip
    assert result.verdicts[0].outcome == "supported"
    assert list(result.sensitivity["HepG2"].columns) == ["parameter", "rho", "p", "q", "rho_auc", "p_auc"]
    assert list(result.failures.columns) == ["experiment", "cell_line", "status", "count"]
    assert result.provenance["command"] == "hepatica run small"


def test_draws_that_lack_a_data_set_tell_what_it_did(small, finished, tmp_path):
    result, _ = finished
    drawn = result.ensemble.draws
    posterior = Ensemble(draws=drawn, origin="posterior", seed=1)
    lacking = drawn.assign_coords(
        left_out=("draw", ["growth", "blots"] * 2 + ["growth"]), chain=("draw", [0, 1, 1, 0, 1])
    )
    less = Ensemble(draws=lacking, origin="posterior", seed=1)
    study = replace(small, posterior=posterior, left_out=less, rules=small.rules[:1])
    told = []
    found = run_study(study, tmp_path, progress=lambda *words: told.append(words))
    table = found.influence.set_index(["claim", "data_set"])
    assert set(table.loc["C1"].index) == {"growth", "blots"}
    assert table.loc[("C1", "growth"), "n"] == 3
    assert table.loc[("C1", "blots"), "n"] == 2
    assert table.loc[("C1", "growth"), "probability"] == 1.0
    assert table.loc[("C1", "growth"), "change"] == 0.0
    assert {w[0] for w in told} >= {"screening, left-out", "simulation, left-out"}
    assert len(json.loads((tmp_path / "claims.json").read_text())["influence"]) == len(found.influence)


def test_what_stays_on_disk(finished):
    result, out = finished
    assert sorted(p.name for p in out.iterdir()) == ["claims.json", "ensemble.nc", "results.nc"]
    with xr.open_dataset(out / "results.nc", group="dish/viability", engine="h5netcdf") as saved:
        assert np.array_equal(saved["viability"].values, result.readouts["dish"]["viability"].values)
        assert list(saved["arm"].values) == list(result.readouts["dish"]["viability"]["arm"].values)
    assert np.array_equal(read_ensemble(out / "ensemble.nc").draws.values, result.ensemble.draws.values)
    data = json.loads((out / "claims.json").read_text())
    assert data == json.loads(json.dumps(as_data(result)))
    assert [c["id"] for c in data["claims"]] == ["C1", "P1"]
    assert data["claims"][0]["verdicts"][1]["effect"] is None
    assert data["screening"]["accepted"] == 5


def test_an_interrupted_run_resumes_to_the_identical_result(small, finished, tmp_path, monkeypatch):
    real, calls = run_module.run_unit, []

    def interrupted(*args):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(run_module, "run_unit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(small, tmp_path, threads=1)
    assert len(list((tmp_path / "partial").glob("prior-dish-*.nc"))) == 3
    again = []
    monkeypatch.setattr(run_module, "run_unit", lambda *args: (again.append(args), real(*args))[1])
    steps = []
    resumed = run_study(small, tmp_path, threads=2, resume=True, progress=lambda *step: steps.append(step))
    assert len(again) == len(plan_units(small, small.draws)) - 4
    same(resumed.readouts, finished[0].readouts)
    assert resumed.verdicts == finished[0].verdicts
    assert not (tmp_path / "partial").exists()
    assert steps[-1][0] == "simulation, prior"
    assert steps[-1][1] == steps[-1][2] == finished[0].provenance["trajectories"]


def test_units_of_another_seed_are_refused(small, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "run_unit", stop)
    with pytest.raises(KeyboardInterrupt):
        run_study(small, tmp_path, threads=1)
    with pytest.raises(InputError, match="was made by another model, study, seed"):
        run_study(small, tmp_path, threads=1, seed=4, resume=True)


def test_a_full_disk_ends_in_one_sentence(small, tmp_path, monkeypatch):
    def full(self, path, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(StorageError, match=r"the disk is full: .* free some space and continue with --resume\."):
        run_study(small, tmp_path, threads=1)


def test_a_disk_that_fills_up_at_the_end_leaves_no_half_file(finished, tmp_path, monkeypatch):
    def full(self, path, **_):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    with pytest.raises(StorageError, match=r"the disk is full: '.*results\.nc' could not be written"):
        save_result(finished[0], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["ensemble.nc"]


def test_weights_of_the_draws_reach_the_verdicts(finished):
    result, _ = finished
    share = result.readouts["clamp"]["pathway_share"].sel(arm="Akt").isel(cell_line=0)
    weights = np.where(np.arange(5) == int(np.nanargmax(np.nan_to_num(share.values, nan=-np.inf))), 1.0, 0.0)
    ensemble = replace(result.ensemble, weights=weights)
    readouts = {k: dict(v) for k, v in result.readouts.items()}
    judged = conclude(result.study, ensemble, result.screening, readouts, result.failures, {})
    best = next(v for v in judged.verdicts if v.contrast == "share")
    assert best.effect == pytest.approx(np.nanmax(share.values))


def test_an_effect_needs_fits(finished):
    result, _ = finished
    readouts = {k: {n: a for n, a in v.items() if n != "auc"} for k, v in result.readouts.items()}
    with pytest.raises(InputError, match=r"\[effect\] needs dose-response fits in experiment 'dish'; set fit = true"):
        conclude(result.study, result.ensemble, result.screening, readouts, result.failures, {})


def test_impossible_numbers_are_refused(small, tmp_path):
    with pytest.raises(InputError, match="draws is 0; expected at least one"):
        run_study(small, tmp_path, draws=0)
    with pytest.raises(InputError, match="the seed is -1; expected zero or more"):
        run_study(small, tmp_path, seed=-1)


def test_packing_keeps_numbers_and_labels(finished):
    result, _ = finished
    readings = {name: array.isel(cell_line=0, drop=True) for name, array in result.readouts["dish"].items()}
    status = xr.DataArray(np.zeros((2, 3), dtype=np.int8), dims=("arm", "draw"))
    back, codes = unpack(pack(readings, status))
    assert codes.dtype == np.int8
    for name, array in readings.items():
        xr.testing.assert_equal(back[name], array)
        assert back[name].attrs["units"] == array.attrs["units"]


def test_clamp_levels_become_columns(finished):
    ensemble = finished[0].ensemble
    draws = ensemble.draws["draw"].values
    levels = xr.DataArray(
        np.column_stack([draws, draws * 2.0]),
        coords={"draw": draws, "parameter": ["akt_clamp_level", "erk_clamp_level"]},
        dims=("draw", "parameter"),
    )
    part = with_levels(ensemble.select([1, 3]), levels)
    assert part.parameters[-2:] == ("akt_clamp_level", "erk_clamp_level")
    assert part.draws.sel(parameter="erk_clamp_level").values == pytest.approx(draws[[1, 3]] * 2.0)
    assert with_levels(part, levels).parameters == part.parameters


def test_sources_and_claims_in_words(small):
    keys = [s.key for s in study_sources(small)]
    assert {"igf1r_sorafenib_2023", "ye2024", "tumorbiol2016", "villarroel2012"} <= set(keys)
    assert "assumption" not in keys
    assert keys == sorted(keys)
    text = describe_claim(small.claims[1], small.sources)
    assert "P1, claim (the model must give it by itself)" in text
    assert (
        "share: pathway_share (clamp) of Akt against zero: increase of the difference by more than 0.1, in HepG2"
        in text
    )
    assert "source igf1r_sorafenib_2023: IGF-1R down regulates" in text
