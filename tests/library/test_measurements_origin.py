"""Every value of the measurement tables against the files it was taken from, where those are present.

``HEPATICA_DATA`` names their folder; ``../shared/data`` beside the checkout when it does not.
"""

import csv
import os
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from hepatica.library import load_measurements

DATA = Path(os.environ.get("HEPATICA_DATA", Path(__file__).parents[3] / "shared" / "data"))
READOUTS = {
    "AKT": "pAKT", "ERK": "pERK", "ERK12": "pERK", "MEK": "pMEK", "MEK12": "pMEK", "P70S6": "pp70S6K", "GSK3": "pGSK3",
    "IRS-1S": "pIRS1_ser", "IRS1S": "pIRS1_ser",
}  # fmt: skip
BEADS = {
    "phospho_hepg2_2009": ("hepg2_msb2009_midas.csv", "SaezRodriguez2009_MSB"),
    "phospho_hepg2_2010": ("hepg2_prihu_mcp2010_midas_lga11111.csv", "Alexopoulos2010_MCP"),
    "phospho_hepatoma_2011": ("hepatoma5_cancerres2011_midas_lga116.csv", "SaezRodriguez2011_CancerRes"),
}
LINES = {"HepG2", "Huh7", "Hep3B"}
STIMULI = {"none", "IGF1", "INS", "TGFa", "IGF1+TGFa", "INS+TGFa"}
INHIBITORS = {"none", "PI3Ki", "MEKi", "mTORi", "MEKi+PI3Ki"}
WELL = ["cell_line", "stimulus", "inhibitor", "time_min"]
CLOSE = 1e-5  # six digits are kept


def original(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA} (HEPATICA_DATA)")
    return path


@cache
def wells(path: Path) -> pd.DataFrame:
    """Every value of the six readouts in a MIDAS file, with its row."""
    with path.open(newline="") as stream:
        header, *lines = [[cell.strip() for cell in line] for line in csv.reader(stream)]
    rows = []
    for number, line in enumerate(lines):
        cells = (
            line[len(line) - len(header) :] if len(line) > len(header) else line
        )  # a column of names without a title
        given = dict(zip(header, cells, strict=True))
        on = [k.removeprefix("TR:") for k, v in given.items() if k.startswith("TR:") and v == "1"]
        line_of_cells = next(k for k in on if k.endswith(":CellLine") and k != "primary:CellLine")
        added = [k for k in on if not k.endswith(":CellLine") and k not in {"NOCYTO", "NOINHIB"}]
        for key, value in given.items():
            readout = READOUTS.get(key.removeprefix("DV:").split(" (")[0].strip().upper())
            if key.startswith("DV:") and readout:
                rows.append(
                    {
                        "cell_line": line_of_cells.removesuffix(":CellLine"),
                        "stimulus": "+".join(sorted(k for k in added if not k.endswith("i"))) or "none",
                        "inhibitor": "+".join(sorted(k.replace("MEK12", "MEK") for k in added if k.endswith("i")))
                        or "none",
                        "time_min": float(given["DA:" + key.removeprefix("DV:")]),
                        "readout": readout,
                        "mfi": float(value),
                        "source_row": float(number),
                    }
                )
    return pd.DataFrame(rows)


def copied(frame: pd.DataFrame, name: str) -> pd.Series:
    """Untreated 30-min rows of the 2011 set."""
    return (frame["stimulus"] == "none") & (frame["time_min"] == 30) & (name == "phospho_hepatoma_2011")


@pytest.mark.parametrize("name", BEADS)
def test_phosphoproteins(name):
    every = wells(original(BEADS[name][0]))
    wanted = every["cell_line"].isin(LINES) & every["stimulus"].isin(STIMULI) & every["inhibitor"].isin(INHIBITORS)
    chosen = every[wanted & ~copied(every, name)]
    columns = [*WELL, "readout", "mfi", "source_row"]
    ours = load_measurements(name)[columns].sort_values(["source_row", "readout"], ignore_index=True)
    pd.testing.assert_frame_equal(
        ours, chosen[columns].sort_values(["source_row", "readout"], ignore_index=True), rtol=CLOSE, check_dtype=False
    )


@pytest.mark.parametrize("name", BEADS)
def test_left_out_copies_are_copies_and_no_kept_row_is_one(name):
    tidy = pd.read_csv(original("liver_phospho_tidy_long.csv"), keep_default_na=False)
    tidy = tidy[(tidy["dataset"] == BEADS[name][1]) & tidy["readout"].isin(set(READOUTS.values()))]
    kept = load_measurements(name)
    flags = tidy.set_index(["row", "readout"])["independent"].astype(str)
    assert all(flags[row, readout] == "True" for row, readout in zip(kept["source_row"], kept["readout"], strict=True))
    every = wells(original(BEADS[name][0]))
    copies = every[copied(every, name)]
    assert len(copies) == (tidy["independent"].astype(str) == "False").sum()
    first = every[every["time_min"] == 0].groupby(["cell_line", "inhibitor", "readout"])["mfi"].first()
    for copy in copies.itertuples():
        assert copy.mfi == first[copy.cell_line, copy.inhibitor, copy.readout]
    inside = copies["cell_line"].isin(LINES) & copies["inhibitor"].isin(INHIBITORS)
    assert inside.sum() == (72 if name == "phospho_hepatoma_2011" else 0)


@pytest.mark.parametrize("name", BEADS)
def test_ceilings_and_replicate_errors(name):
    every = wells(original(BEADS[name][0]))
    every = every[~copied(every, name)]
    ours = load_measurements("phospho_noise").query("dataset == @name").set_index("readout")
    assert set(ours.index) == set(every["readout"])
    for readout, values in every.groupby("readout"):
        row = ours.loc[readout]
        assert row["values"] == len(values)
        assert row["largest_mfi"] == pytest.approx(values["mfi"].max(), rel=CLOSE)
        assert row["values_above_20000"] == (values["mfi"] > 20000).sum()
        for tail, part in (("_uninhibited", values[values["inhibitor"] == "none"]), ("", values)):
            groups = part.groupby(WELL)["mfi"].agg(["size", "mean", "std"]).query("size > 1")
            assert row[f"replicate_groups{tail}"] == len(groups)
            expected = (groups["std"] / groups["mean"]).median()
            assert row[f"replicate_cv{tail}"] == pytest.approx(expected, rel=CLOSE, nan_ok=True)


def test_igf1_binding():
    theirs = pd.read_csv(original("igf1_igf1r_binding_kiselyov2009.csv"))
    ours = load_measurements("igf1r_binding")
    assert ours["igf1_cold_nM"].tolist() == pytest.approx((theirs["IGF1_cold_M"] * 1e9).tolist(), rel=CLOSE)
    assert ours["hot_bound_fraction"].tolist() == pytest.approx(theirs["IGF1_hot_bound_rel"].tolist(), rel=CLOSE)
    assert ours["hot_bound_sd"].tolist() == pytest.approx(theirs["sd"].tolist(), rel=CLOSE)
    names = {
        "equilibrium_24pM_tracer": (0.024, None),
        "dissociation_20min": (None, 20),
        "dissociation_60min": (None, 60),
    }
    for row, name in zip(ours.itertuples(), theirs["experiment"], strict=True):
        hot, minutes = names[name]
        assert row.experiment == name.split("_")[0]
        assert (None if pd.isna(row.igf1_hot_nM) else row.igf1_hot_nM) == hot
        assert (None if pd.isna(row.time_min) else row.time_min) == minutes


def petab(problem: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    values = pd.read_csv(original(f"petab_measurementData_{problem}.tsv"), sep="\t")
    conditions = pd.read_csv(original(f"petab_experimentalCondition_{problem}.tsv"), sep="\t").set_index("conditionId")
    return values, conditions.loc[values["simulationConditionId"]].reset_index()


def test_insulin_binding():
    values, conditions = petab("Schwen_PONE2014")
    bound = values["observableId"] != "observable_Insulin"
    ours, theirs = load_measurements("insulin_binding"), values[bound]
    assert (~bound).sum() == 252
    names = {"observable_IR1": "low", "observable_IR2": "high", "observable_IRsum": "mixture"}
    assert ours["population"].tolist() == [names[o] for o in theirs["observableId"]]
    assert ours["insulin_pM"].tolist() == conditions["init_Ins"][bound].tolist()
    assert ours["time_min"].tolist() == theirs["time"].tolist()
    assert ours["bound_au"].tolist() == pytest.approx(theirs["measurement"].tolist(), rel=CLOSE)


def test_insulin_timing():
    theirs, conditions = petab("Brannmark_JBC2010")
    ours = load_measurements("insulin_timing")
    assert ours["readout"].tolist() == ["pIR" if o == "IR1_P" else "pIRS1" for o in theirs["observableId"]]
    names = {"dose_response": "dose", "one_step_time_response": "one_step", "two_step_time_response": "two_step"}
    assert ours["experiment"].tolist() == [names[e] for e in theirs["experimentId"]]
    assert ours["time_min"].tolist() == theirs["time"].tolist()
    assert ours["signal_au"].tolist() == pytest.approx(theirs["measurement"].tolist(), rel=CLOSE)
    assert ours["insulin_nM"].tolist() == conditions["insulin_dose_1"].tolist()
    assert ours["insulin_second_step_nM"].fillna(0).tolist() == conditions["insulin_dose_2"].tolist()
    assert ours["second_step_min"].fillna(0).tolist() == conditions["insulin_time_2"].tolist()


def test_growth_ccle():
    theirs = pd.read_csv(original("ccle2012_liver_dose_response_long.csv"))
    names = {"HepG2": "Hep G2", "SK-Hep1": "SK-HEP-1", "Hep3B": "Hep 3B2.1-7"}
    theirs = theirs.set_index(["cell", "compound", "dose_uM"])
    for table in ("growth_ccle", "growth_ccle_sorafenib"):
        ours = load_measurements(table)
        for row in ours.itertuples():
            found = theirs.loc[(names[row.cell_line], row.drug, row.dose_uM)]
            assert (row.activity_pct, row.activity_sd_pct) == pytest.approx(
                (found["activity_pct"], found["activity_sd"]), rel=CLOSE
            )
            assert row.target == found["target"].replace("RTK", "RAF")
        per_curve = ours.groupby(["cell_line", "drug"]).size()
        assert set(per_curve) == {8}
        assert len(per_curve) == 3 * ours["drug"].nunique()


def test_growth_gdsc():
    theirs = pd.read_csv(original("gdsc1_v17_liver_ic50_long.csv"))
    names = {"HepG2": "C3A", "SK-Hep1": "SK-HEP-1", "Huh7": "HuH-7", "Hep3B": "Hep 3B2_1-7"}
    ours = load_measurements("growth_gdsc")
    theirs = theirs[theirs["cell"].isin(names.values())]
    theirs = theirs[theirs["gdsc_drug_id"].astype(str).isin(set(ours["gdsc_drug_id"]))]
    assert len(theirs) == len(ours)
    found = theirs.assign(key=theirs["gdsc_drug_id"].astype(str)).set_index(["cell", "key"])
    for row in ours.itertuples():
        assert row.measured_in == names[row.cell_line]
        same = found.loc[(row.measured_in, row.gdsc_drug_id)]
        assert row.drug == same["drug"]
        assert row.ic50_uM == pytest.approx(same["ic50_uM"], rel=CLOSE)


def test_doubling_times():
    theirs = pd.read_csv(original("ccle_liver_annotations_doubling_time.csv")).set_index("Name")[
        "Doubling.Time.Calculated.hrs"
    ]
    ours = load_measurements("doubling_times").set_index("cell_line")["doubling_time_h"]
    assert ours.to_dict() == {"HepG2": theirs["Hep G2"], "SK-Hep1": theirs["SK-HEP-1"]}
    assert pd.isna(theirs["Hep 3B2.1-7"])
    assert pd.isna(theirs["HuH-7"])


def test_literature_checks():
    theirs = pd.read_csv(original("literature_anchors.csv"), dtype=str, keep_default_na=False)
    status = {"read": "read at the source", "derived": "derived here", "recalled": "recalled, unverified"}
    for row in load_measurements("literature_checks").itertuples():
        same = theirs[(theirs["quantity"] == row.quantity) & (theirs["context"] == row.system)]
        assert len(same) == 1, row.quantity
        anchor = same.iloc[0]
        assert row.value == float(anchor["value"])
        assert row.sd == pytest.approx(float(anchor["sd_or_error"] or "nan"), nan_ok=True)
        assert (row.unit, status[row.status]) == (anchor["unit"], anchor["status"])
