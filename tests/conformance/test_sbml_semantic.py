"""A sample of the SBML Test Suite's semantic cases; ``make conformance`` runs them all."""

import numpy as np
import pytest
from suites import ROOT, semantic
from suites.outcome import read_record, worse

from hepatica.sbml import read_sbml

EVERY, EVERY_LEVEL = 3, 15

pytestmark = [
    pytest.mark.skipif(not semantic.FOLDER.exists(), reason=f"conformance data 'sbml-semantic' is not at {ROOT}"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def sample(step: int, block: int, blocks: int) -> list[str]:
    return list(semantic.index())[::step][block::blocks]


@pytest.mark.parametrize("block", range(8))
def test_no_case_is_wrong_or_worse_than_recorded(block):
    outcomes = [o for case in sample(EVERY, block, 8) for o in semantic.run(case, latest_only=True)]
    assert outcomes
    assert worse(outcomes, read_record()) == []


@pytest.mark.parametrize("block", range(4))
def test_no_level_is_wrong_or_worse_than_recorded(block):
    outcomes = [o for case in sample(EVERY_LEVEL, block, 4) for o in semantic.run(case)]
    assert len({o.level for o in outcomes}) >= 7
    assert worse(outcomes, read_record()) == []


def test_a_wrong_answer_is_called_wrong():
    model = read_sbml(semantic.files_of("00001")["00001-sbml-l3v2.xml"].decode())
    asked, expected = semantic.settings_of("00001"), semantic.expected_of("00001")
    curves = semantic.simulate(model, asked.times, (*asked.variables, *(s.compartment for s in model.species)))
    assert semantic.judge(curves, asked, expected, model) == ("passed", "")
    off = expected | {"S1": expected["S1"] * np.where(asked.times > 1.0, 1.01, 1.0)}
    outcome, reason = semantic.judge(curves, asked, off, model)
    assert (outcome, reason) == ("wrong", f"not the expected values: S1 at {asked.times[asked.times > 1.0][0]:g}")


def test_what_is_left_out_is_not_the_case():
    for case, level in semantic.LEFT_OUT:
        fast = {name: b'fast="true"' in text for name, text in semantic.files_of(case).items() if "l1v2" not in name}
        odd = f"{case}-sbml-l{level[0]}v{level[2]}.xml"
        assert [name for name, is_fast in fast.items() if not is_fast] == [odd]
