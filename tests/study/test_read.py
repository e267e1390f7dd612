"""Reading a study: what it becomes, and what is said of each mistake."""

from pathlib import Path

import pytest

from hepatica.errors import FormatError, InputError, NotFoundError, StorageError, UnitError
from hepatica.study import find_study, load_study

FOUNDING = Path(__file__).parents[2] / "studies" / "igf1r-sorafenib"


def test_the_founding_study_has_the_arms_of_the_contract():
    study = load_study(FOUNDING)
    experiments = {e.id: e for e in study.experiments}
    assert list(experiments) == ["dish", "clamp", "wound", "xenograft", "expression", "antibody", "Hep3B"]
    dish = [arm.id for arm in experiments["dish"].arms]
    assert len(dish) == 48
    assert {"control", "sorafenib 5 uM", "shNT", "shIGF1R + sorafenib 5 uM", "hyperinsulinaemia + sorafenib 40 uM"} <= {
        *dish
    }
    labels = experiments["dish"].arms[dish.index("shIGF1R + sorafenib 5 uM")].all_labels
    assert labels == {"manipulation": "shIGF1R", "sorafenib_uM": 5.0}
    picropodophyllin = experiments["dish"].arms[dish.index("picropodophyllin")]
    assert picropodophyllin.all_labels == {"manipulation": "picropodophyllin", "sorafenib_uM": 0.0}
    clamped = {arm.id: arm for arm in experiments["clamp"].arms}
    assert len(clamped) == 48
    both = clamped["shIGF1R + both clamp + sorafenib 5 uM"]
    assert both.all_labels == {"manipulation": "shIGF1R", "clamp": "both", "sorafenib_uM": 5.0}
    assert {c.target for c in both.changes} >= {"akt_clamp", "erk_clamp", "IGF1R_mRNA_residual", "sorafenib_nominal"}
    assert clamped["akt clamp"].all_labels["manipulation"] == "control"
    mouse = [arm.id for arm in experiments["xenograft"].arms]
    assert mouse == ["control", "shIGF1R", "sorafenib 30 mg/kg/d", "shIGF1R + sorafenib 30 mg/kg/d"]
    assert all("tumour_volume" in {c.target for c in arm.changes} for arm in experiments["xenograft"].arms)
    assert {c.target for c in experiments["wound"].arms[0].changes} == {"scratch", "serum"}
    assert experiments["expression"].cell_lines == ("HepG2", "SK-Hep1", "hepatocyte")
    assert [c.id for c in study.claims] == ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "P1", "P2"]
    assert [c.kind for c in study.claims].count("input") == 1
    rows = {row for check in study.literature for row in check.measured}
    assert {"perk_hcclm6_20", "xenograft_shrna", "air3_72h", "ic50_hep3b_plc"} <= rows


def test_no_rule_of_the_founding_study_knows_what_is_claimed():
    study = load_study(FOUNDING)
    targets = {c.target for rule in study.rules if rule.arm for c in rule.arm.changes}
    assert targets == {"IGF1_added"}
    assert [rule.kind for rule in study.rules] == ["steady_state", "doubling_time", "daily_loss", "response"]


def test_the_digest_follows_what_changes_numbers_and_only_that(change):
    first = load_study(change("Does it run?", "Does it run at all?")).digest
    assert load_study(change('text = "HepG2', 'text = "Hep-G2', "claims.toml")).digest == first
    assert load_study(change("seed = 3", "seed = 4")).digest != first
    second = load_study(
        change('"40 uM"]\nfit = true\n[[experiment.assay]]', '"30 uM"]\nfit = true\n[[experiment.assay]]')
    )
    assert second.digest != first


def test_a_study_is_found_by_file_folder_and_name(folder, monkeypatch):
    assert find_study(folder) == folder / "study.toml"
    assert find_study(folder / "study.toml") == folder / "study.toml"
    (folder.parent / "studies").mkdir()
    folder.rename(folder.parent / "studies" / "small")
    monkeypatch.chdir(folder.parent)
    assert find_study("small") == Path("studies/small/study.toml")
    with pytest.raises(NotFoundError, match=r"no study 'smal'; give a folder .* Did you mean 'small'\?"):
        find_study("smal")


@pytest.mark.parametrize(
    ("old", "new", "kind", "text"),
    [
        ("draws = 5", "draws = [", FormatError, "not valid TOML: "),
        ("draws = 5", "draw = 5", FormatError, "unknown key 'draw'. Did you mean 'draws'"),
        ("draws = 5", "draws = 0", FormatError, "'draws' is 0; expected"),
        ('model = "hcc"', 'model = "hc"', NotFoundError, "no model 'hc' in the library. Did you mean 'hcc'?"),
        ('["HepG2"]', '["HepG3"]', NotFoundError, "no cell line 'HepG3' in the library. Did you mean"),
        ('tool = "shIGF1R"', 'tool = "shIGFR1"', NotFoundError, "no tool 'shIGFR1' in the library. Did you mean"),
        (
            'drug = "sorafenib"',
            'drug = "sorafenb"',
            NotFoundError,
            "no drug 'sorafenb' in the library. Did you mean 'sorafenib'",
        ),
        ('"2.5 uM"', '"-2.5 uM"', InputError, "the dose of sorafenib is '-2.5 uM'; expected zero or more."),
        ('"2.5 uM"', '"2.5 h"', UnitError, "'2.5 h' has the wrong unit"),
        ('"2.5 uM"', '"2.5"', UnitError, "'2.5' has no unit"),
        (
            'manipulations = ["control", "shIGF1R"]',
            "manipulations = []",
            InputError,
            "experiment 'dish' has no arms; name at least",
        ),
        (
            'manipulations = ["control", "shIGF1R"]',
            'manipulations = ["shIGFR"]',
            NotFoundError,
            "no manipulation 'shIGFR'. Did you mean 'shIGF1R'?",
        ),
        (
            'target = "insulin_added"',
            'target = "insuline_added"',
            NotFoundError,
            "arm 'insulin': no 'hcc' quantity 'insuline_added'. Did you mean 'insulin_added'",
        ),
        (
            'observable = "IGF1R_total"',
            'observable = "IGF1R_totl"',
            NotFoundError,
            "no 'hcc' observable 'IGF1R_totl'. Did you mean 'IGF1R_total'",
        ),
        (
            'source = "assumption"',
            'source = "asumption"',
            NotFoundError,
            "no source 'asumption' in sources.toml. Did you mean 'assumption'?",
        ),
        (
            "within = 0.25\n",
            "",
            FormatError,
            "rule 'growth': a rule of the kind 'doubling_time' needs the key 'within'; add it.",
        ),
        (
            'observable = "pIGF1R"\n',
            "",
            FormatError,
            "rule 'answer': a rule of the kind 'response' needs the key 'observable'; add it.",
        ),
        (
            'dose = "0.5 uM"\n',
            "",
            InputError,
            "manipulation 'picropodophyllin': a drug needs a dose and a dose a drug; give both.",
        ),
        (
            'regimen = "30 mg/kg/d"',
            'regimen = "31 mg/kg/d"',
            NotFoundError,
            "sorafenib has no regimen '31 mg/kg/d'. Did you mean",
        ),
        (
            'id = "shIGF1R"',
            'id = "control"',
            FormatError,
            "two blocks [[manipulation]] have the id 'control'; give each its own.",
        ),
        ('read = "s_phase"', 'read = "s_fase"', FormatError, "is 's_fase'; expected 'western_blot', 'viability'"),
        (
            'read = "s_phase"',
            'read = "s_phase"\nobservable = "p27"',
            FormatError,
            "'observable' goes with read = 'level' only; leave it out of 's_phase'.",
        ),
        (
            'experiment = "dish"\ntreated = "shIGF1R"',
            'experiment = "dish"\ntreated = "shIGFR"',
            NotFoundError,
            "[effect]: no arm 'shIGFR'. Did you mean 'shIGF1R'?",
        ),
        (
            'clamped = "clamp"',
            'clamped = "clmp"',
            NotFoundError,
            "[effect]: no experiment 'clmp'. Did you mean 'clamp'?",
        ),
        (
            'doses = ["0 uM", "2.5 uM", "10 uM", "40 uM"]\nfit = true\n[[',
            "fit = true\n[[",
            FormatError,
            "experiment 'dish': fit = true needs a dose series; give drug and doses.",
        ),
        (
            'drug = "sorafenib"\ndoses',
            "doses",
            FormatError,
            "experiment 'dish': there are doses of no drug; name it with drug = '...'.",
        ),
        ('drug = "sorafenib"\nregimen', "regimen", FormatError, "experiment 'mouse': there is a regimen of no drug"),
        (
            'read = "viability"\nat = "72 h"\n[[experiment.assay]]\nread = "western',
            'read = "western',
            FormatError,
            "fit = true needs the viability; add",
        ),
    ],
)
def test_mistakes_are_named(change, old, new, kind, text):
    place = change(old, new)
    with pytest.raises(kind) as caught:
        load_study(place)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            'experiment = "clamp"',
            'experiment = "clam"',
            "claim P1, contrast share: no experiment 'clam'. Did you mean 'clamp'?",
        ),
        (
            'treated = "control"',
            'treated = "contrl"',
            "claim C1, contrast receptor: no arm 'contrl'. Did you mean 'control'?",
        ),
        (
            'reference_cell_line = "hepatocyte"',
            'reference_cell_line = "Huh7"',
            "claim C1, contrast receptor: no cell line 'Huh7'.",
        ),
        ('source = "igf1r_sorafenib_2023"', 'source = "igf1r"', "no source 'igf1r' in sources.toml."),
    ],
)
def test_mistakes_in_claims_are_named_before_anything_runs(change, old, new, text):
    place = change(old, new, "claims.toml")
    with pytest.raises(NotFoundError) as caught:
        load_study(place)
    assert text in str(caught.value)


def test_files_that_cannot_be_read(folder, monkeypatch):
    (folder / "claims.toml").unlink()
    with pytest.raises(StorageError, match=r"claims.toml' could not be read: No such file or directory\."):
        load_study(folder)
    with pytest.raises(NotFoundError, match=r"no study 'nowhere'; give a folder that holds a study\.toml"):
        load_study("nowhere")
