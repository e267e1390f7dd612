"""A few hundred broken files end in a refusal, a status or numbers on which machine code and reference agree."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz.__main__ import CRASH, HANG, TARGETS, is_bad, judge_input, make_input
from tests.fuzz.corpus import ROOT, TEXTS, Seed, load_corpus
from tests.fuzz.judge import differs
from tests.fuzz.mutate import mutate
from tests.sbml.hostile import apply, ci, model, parameter, rate

from hepatica.sandbox import Limits, Sandbox

INPUTS, SEED = 300, 20230125
GOOD = model(
    parameters=parameter("x") + parameter("k", "0.5"), rules=rate("x", apply("times", ci("k"), ci("x")))
).encode()


@pytest.fixture(scope="module")
def sandbox():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        made = Sandbox(TARGETS, Limits(seconds=120.0))
        yield made
        made.close()


@pytest.mark.skipif(not (ROOT / "sbml-semantic").exists(), reason=f"conformance data 'sbml-semantic' is not at {ROOT}")
def test_no_broken_file_crashes_hangs_or_misleads(sandbox):
    corpus = load_corpus(biomodels=False, every=25)
    judge_input(sandbox, corpus[2][0], corpus[2][0].data)  # the solver is compiled when first used
    bad, counts = {}, Counter()
    for number in range(INPUTS):
        good, data = make_input(SEED, number, corpus)
        outcome, text, _ = judge_input(sandbox, good, data)
        counts[outcome.split(":")[0]] += 1
        if is_bad(outcome):
            bad[number] = (good.name, outcome, text)
    assert bad == {}
    assert counts["simulated"] > INPUTS / 10
    assert counts["refused"] > INPUTS / 10


def test_good_files_are_simulated_as_the_reference_says(sandbox):
    for seed in (Seed("good", "sbml", GOOD), *(Seed(str(k), "antimony", t.encode()) for k, t in enumerate(TEXTS))):
        assert judge_input(sandbox, seed, seed.data)[0] == "simulated: completed, as the reference"


def test_a_mutant_depends_on_its_number_alone():
    good, other = GOOD, GOOD.replace(b"times", b"plus")
    made = [mutate(random.Random(f"1:{k}"), "sbml", good, other) for k in range(200)]
    assert made == [mutate(random.Random(f"1:{k}"), "sbml", good, other) for k in range(200)]
    assert len(set(made)) > 150
    assert all(len(m) < 2_000_000 for m in made)


def test_what_must_not_be_is_called_so(sandbox, monkeypatch):
    class Broken:
        def __init__(self, end, read):
            self.answers = {"end": end, "read": read}

        def call(self, _target, arguments, _data, **_names):
            return Sandbox.call(sandbox, *self.answers[arguments["until"]], subject="x")

    monkeypatch.setitem(sandbox.targets, "crash", "tests.sandbox.misdeeds.segfault")
    monkeypatch.setitem(sandbox.targets, "fail", "tests.sandbox.misdeeds.fail")
    monkeypatch.setitem(sandbox.targets, "echo", "tests.sandbox.misdeeds.echo")
    sandbox.close()
    crash, fail, slow = (
        ("crash", {}),
        ("fail", {}),
        ("echo", {"outcome": "simulated", "text": "", "took": {"read": 11.0}}),
    )
    seed = Seed("x", "sbml", b"")
    assert judge_input(Broken(crash, slow), seed, b"")[0] == CRASH
    assert judge_input(Broken(crash, crash), seed, b"")[0].startswith("refused: HostileFileError, libSBML")
    assert judge_input(Broken(fail, fail), seed, b"")[0] == "UNFORESEEN error"
    assert judge_input(Broken(slow, slow), seed, b"")[0] == HANG
    assert all(map(is_bad, (CRASH, HANG, "UNFORESEEN error", "DISAGREEMENT: llvm and numpy over time")))
    assert not is_bad("refused: ModelError")
    sandbox.close()


def test_a_difference_is_seen():
    want = np.array([[1.0, 0.0], [2.0, 1e-9]])
    assert differs(want + 1e-7, want, ("a", "b")) == ""
    assert differs(want * [1.0, 1.0] + [[0, 0], [0.01, 0]], want, ("a", "b")).startswith("a at 0.5")
