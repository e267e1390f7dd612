"""Tables of measurements: what they hold, and what is said when a cell is wrong."""

import shutil
from pathlib import Path

import pytest

from hepatica.errors import FormatError, NotFoundError
from hepatica.evidence import BASES
from hepatica.library import (
    Measurements,
    describe,
    describe_measurements,
    find,
    list_cell_lines,
    list_measurements,
    load_measurements,
    load_model,
    load_sources,
    measured,
)
from hepatica.library.files import library_root

KEYS = {s.key for s in load_sources()}
FOLDER = Path(str(library_root())) / "measurements"
PHOSPHO = ("phospho_hepg2_2009", "phospho_hepg2_2010", "phospho_hepatoma_2011")
INPUTS = {"IGF1": "IGF1_added", "INS": "insulin_added", "TGFa": "EGF_added"}
READOUTS = {
    "pAKT": "pAKT_S473", "pERK": "ppERK", "pMEK": "ppMEK", "pp70S6K": "pS6K", "pGSK3": "pGSK3", "pIRS1_ser": "IRS_serine",
}  # fmt: skip


def test_every_file_is_listed():
    assert {p.stem for p in FOLDER.glob("*.tsv")} == set(list_measurements())


@pytest.mark.parametrize("name", list_measurements())
def test_table(name):
    table = load_measurements(name)
    assert len(table) > 0
    assert set(table["source"]) <= KEYS
    assert set(table["basis"]) <= set(BASES)
    assert not table.duplicated().any()
    if "cell_line" in table:
        assert set(table["cell_line"]) <= set(list_cell_lines())
    about = describe_measurements(name)
    assert about.rows == len(table) == sum(about.roles.values())
    assert [c.name for c in about.columns] == list(table.columns)
    assert all(c.unit or c.name in {"value", "sd"} for c in about.columns if table[c.name].dtype == float)


@pytest.mark.parametrize("name", list_measurements())
def test_in_words(name):
    text = describe(name)
    assert isinstance(find(name), Measurements)
    assert text.startswith(name)
    for part in ("rows:", "left out:", "sources"):
        assert part in text


def test_a_loaded_table_is_ones_own():
    mine = load_measurements("doubling_times")
    mine["doubling_time_h"] = 0.0
    assert (load_measurements("doubling_times")["doubling_time_h"] > 0).all()


def test_what_is_predicted_is_never_fitted():
    for name in ("growth_ccle_sorafenib", "literature_checks"):
        assert "fit" not in set(load_measurements(name)["role"]), name
    assert set(load_measurements("growth_ccle_sorafenib")["role"]) == {"held-out"}
    for name in list_measurements():
        table = load_measurements(name)
        assert "igf1r_sorafenib_2023" not in set(table["source"]), "the founding study's results are what we predict"
        if "drug" in table:
            assert not ((table["drug"].str.lower() == "sorafenib") & (table["role"] == "fit")).any()


def test_the_held_out_phosphoproteins_are_one_line_and_all_pairs_of_stimuli():
    for name in PHOSPHO:
        table = load_measurements(name)
        out = (table["cell_line"] == "Hep3B") | table["stimulus"].str.contains("+", regex=False)
        assert ((table["role"] == "held-out") == out).all(), name
        assert set(table["role"]) <= {"fit", "held-out"}


def test_recalled_numbers_are_assumed():
    table = load_measurements("literature_checks")
    expected = table["status"].map({"read": "literature", "derived": "derived", "recalled": "assumed"})
    assert (table["basis"] == expected).all()


def test_an_extrapolated_value_is_flagged_and_an_unknown_range_is_said_to_be_unknown():
    table = load_measurements("growth_gdsc").set_index(["measured_in", "drug"])
    assert set(table.index[table["extrapolated"] == "yes"]) == {("C3A", "Linsitinib"), ("C3A", "MK-2206")}
    assert (table["extrapolated"] != "no").all()
    assert table["top_tested_uM"].isna().all()


def test_the_model_has_every_stimulus_and_readout():
    known = load_model("hcc").by_id
    for name in PHOSPHO:
        table = load_measurements(name)
        for stimulus in {s for pair in table["stimulus"] for s in pair.split("+")} - {"none"}:
            assert INPUTS[stimulus] in known
        assert all(READOUTS[r] in known for r in set(table["readout"]))


def test_an_unknown_name():
    with pytest.raises(NotFoundError, match=r"no measurements 'growth_cle' in the library\. Did you mean 'growth_ccle"):
        load_measurements("growth_cle")
    with pytest.raises(NotFoundError, match=r"Known: .*growth_gdsc, "):
        describe_measurements("xyz")


@pytest.fixture
def doubling(tmp_path, monkeypatch):
    """Put a text in the place of the doubling times."""
    folder = tmp_path / "measurements"
    shutil.copytree(FOLDER, folder)

    def put(text):
        (folder / "doubling_times.tsv").write_text(text, encoding="utf-8")
        measured._read.cache_clear()

    monkeypatch.setattr(measured, "library_root", lambda: tmp_path)
    measured._records.cache_clear()
    yield put
    measured._read.cache_clear()
    measured._records.cache_clear()


HEADER = "cell_line\tdoubling_time_h\trole\tbasis\tsource\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "HepG2\t40.7\tfit\tmeasured\n", ":2: 4 cells; expected 5"),
        (HEADER + "HepG2\t\tfit\tmeasured\tccle2012\n", ":2: doubling_time_h is empty"),
        (HEADER + "HepG2\tnan\tfit\tmeasured\tccle2012\n", ":2: doubling_time_h is 'nan'; expected a number"),
        (HEADER + "HepG2\tlong\tfit\tmeasured\tccle2012\n", ":2: doubling_time_h is 'long'; expected a number"),
        (HEADER + "HepG2\t40\tfits\tmeasured\tccle2012\n", ":2: role is 'fits'; .*Did you mean 'fit'"),
        (HEADER + "HepG3\t40\tfit\tmeasured\tccle2012\n", ":2: cell_line is 'HepG3'; expected HepG2"),
        (HEADER + "HepG2\t40\tfit\tmeasured\tccle\n", ":2: .*ccle"),
        ("cell_lin\tdoubling_time_h\n", ":1: unknown column 'cell_lin'. Did you mean 'cell_line'"),
        ("cell_line\tdoubling_time_h\trole\tbasis\n", ":1: the column 'source' is missing"),
        ("cell_line\tcell_line\trole\tbasis\tsource\n", ":1: a column stands there twice"),
    ],
)
def test_a_wrong_table(doubling, text, message):
    doubling(text)
    with pytest.raises(FormatError, match=message):
        load_measurements("doubling_times")
