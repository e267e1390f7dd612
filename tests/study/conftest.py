"""A small study on the library's model, run once."""

import pytest

from hepatica.study import load_study, run_study

STUDY = """
id = "small"
title = "A small study"
question = "Does it run?"
source = "igf1r_sorafenib_2023"
related = ["ye2024"]
model = "hcc"
cell_lines = ["HepG2"]
draws = 5
seed = 3
candidates = 400
block = 2

[[rule]]
id = "steady"
sentence = "The untreated line has a steady state."
kind = "steady_state"

[[rule]]
id = "growth"
sentence = "It grows at its doubling time within 25 %."
kind = "doubling_time"
within = 0.25

[[rule]]
id = "loss"
sentence = "It loses fewer than 5 % a day."
kind = "daily_loss"
below = 0.05

[[rule]]
id = "answer"
sentence = "It answers IGF-1."
kind = "response"
manipulation = "IGF1"
observable = "pIGF1R"
at = "30 min"
at_least_fold = 1.5

[[manipulation]]
id = "control"

[[manipulation]]
id = "shIGF1R"
tool = "shIGF1R"

[[manipulation]]
id = "IGF1"
tool = "IGF1"

[[manipulation]]
id = "picropodophyllin"
drug = "picropodophyllin"
dose = "0.5 uM"

[[manipulation]]
id = "insulin"
[[manipulation.changes]]
target = "insulin_added"
value = 1.0
unit = "nM"
start = "0 min"
basis = "assumed"
source = "assumption"

[[experiment]]
id = "dish"
manipulations = ["control", "shIGF1R"]
drug = "sorafenib"
doses = ["0 uM", "2.5 uM", "10 uM", "40 uM"]
fit = true
[[experiment.assay]]
read = "viability"
at = "72 h"
[[experiment.assay]]
read = "western_blot"
at = ["30 min", "24 h"]
[[experiment.assay]]
read = "gr"
at = "72 h"
[[experiment.assay]]
read = "s_phase"
at = "24 h"

[[experiment]]
id = "clamp"
manipulations = ["control", "shIGF1R"]
clamps = ["akt", "both"]
drug = "sorafenib"
doses = ["0 uM", "2.5 uM", "10 uM", "40 uM"]
fit = true
draws = 3
[[experiment.assay]]
read = "viability"
at = "72 h"

[[experiment]]
id = "mouse"
title = "mice"
manipulations = ["control", "shIGF1R"]
drug = "sorafenib"
regimen = "30 mg/kg/d"
tools = ["implant"]
[[experiment.assay]]
read = "tumour_volume"
at = ["0 day", "7 day"]

[[experiment]]
id = "expression"
cell_lines = ["HepG2", "hepatocyte"]
manipulations = ["control", "picropodophyllin", "insulin"]
[[experiment.changes]]
target = "serum"
value = 0.05
unit = "dimensionless"
basis = "assumed"
source = "assumption"
[[experiment.assay]]
read = "level"
observable = "IGF1R_total"
at = "0 min"
[[experiment.assay]]
read = "cleaved_caspase"
at = "0 min"
[[experiment.assay]]
read = "wound_closure"
at = "0 min"

[effect]
experiment = "dish"
treated = "shIGF1R"
reference = "control"
clamped = "clamp"
clamped_reference = "control"
"""

CLAIMS = """
[[claim]]
id = "C1"
text = "HepG2 holds more receptor"
source = "igf1r_sorafenib_2023"
where = "abstract"
kind = "input"
[[claim.contrast]]
id = "receptor"
experiment = "expression"
readout = "igf1r_total"
treated = "control"
reference_cell_line = "hepatocyte"
cell_lines = ["HepG2"]
expect = "increase"

[[claim]]
id = "P1"
text = "part of it goes through Akt"
source = "igf1r_sorafenib_2023"
where = "title"
kind = "entailed"
[[claim.contrast]]
id = "share"
experiment = "clamp"
readout = "pathway_share"
treated = "Akt"
cell_lines = ["HepG2"]
expect = "increase"
effect = "difference"
threshold = 0.1
"""


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    (place / "study.toml").write_text(STUDY)
    (place / "claims.toml").write_text(CLAIMS)
    return place


@pytest.fixture
def change(folder):
    """Change the text of a file of the study and give the folder."""

    def apply(old, new, file="study.toml"):
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        return folder

    return apply


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    place = tmp_path_factory.mktemp("small")
    (place / "study.toml").write_text(STUDY)
    (place / "claims.toml").write_text(CLAIMS)
    return load_study(place)


@pytest.fixture(scope="session")
def finished(small, tmp_path_factory):
    """Give the result of the small study and its folder."""
    out = tmp_path_factory.mktemp("out")
    return run_study(small, out, threads=1, command="hepatica run small"), out
