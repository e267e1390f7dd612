"""A sample of BioModels against reference curves; ``make conformance`` runs them all."""

import numpy as np
import pytest
from suites import ROOT, biomodels
from suites.outcome import read_record, worse

from hepatica.sbml import read_sbml

pytestmark = [
    pytest.mark.skipif(not biomodels.FOLDER.exists(), reason=f"conformance data 'biomodels' is not at {ROOT}"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def small() -> list[str]:
    return [key for key, row in biomodels.index().items() if int(row["reactions"]) <= 40][::6]


@pytest.mark.parametrize("block", range(4))
def test_no_model_is_wrong_or_worse_than_recorded(block):
    outcomes = [o for case in small()[block::4] for o in biomodels.run(case)]
    assert outcomes
    assert worse(outcomes, read_record()) == []


def test_a_curve_that_is_off_is_found():
    case = "BIOMD0000000010"
    model = read_sbml(biomodels.text_of(case))
    _, reference = biomodels.reference_of(case)
    sizes = {c.id: np.full(101, c.size) for c in model.compartments}
    row = biomodels.index()[case] | {"amount_columns": ""}
    assert biomodels.missed(model, row, reference | sizes, reference) == {}
    name = next(iter(reference))
    off = reference | sizes | {name: reference[name] * 1.001}
    assert list(biomodels.missed(model, row, off, reference)) == [name]
