"""A second engine agrees where it should, and a planted difference is found."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib import util
from pathlib import Path

import pytest
from tests.compiler.networks import rate_of, robertson, turnover

from hepatica.agreement import Difference, compare_engines
from hepatica.agreement import compare as compare_module
from hepatica.errors import ComputationError, InputError
from hepatica.library import load_model
from hepatica.model import Apply, Model, Number, Parameter, Rule, Symbol
from hepatica.sbml import read_antimony, read_sbml, write_sbml

EVENTS = """
model pulse
  compartment cell = 2.5; compartment well = 0.4;
  species A in cell = 10; species B in cell = 0; substanceOnly species C in well = 3; species $D in well = 7;
  k = 0.3; dose = 4; total := A + B; level = 0; level' = k*B - 0.1*level;
  bind: A -> B; cell*k*A;
  back: B -> A; cell*0.1*B;
  leave: C -> ; loss*C; loss = 0.05;
  E1: at time >= 10: A = A + dose, loss = loss/2;
  E2: at B > 11: B = B/2;
end
"""


def antimony(text: str) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.ant")
        path.write_text(text)
        return read_antimony(path)


@pytest.fixture(scope="module")
def pulse() -> str:
    return write_sbml(antimony(EVENTS))


def test_the_library_model_agrees() -> None:
    model = load_model("hcc")
    found = compare_engines(model)
    assert found.agree
    assert found.unread == ()
    assert len(found.differences) == len(model.species) + len(model.reactions) + sum(
        bool(r.variable) and r.variable not in {s.id for s in model.species} for r in model.rules
    )
    assert max(d.error for d in found.differences) < 1e-6
    assert found.sentence.startswith("the two engines agree within ")
    assert found.sentence.endswith(f" on {len(found.differences)} quantities")
    assert found.engine.startswith("libRoadRunner 2.")


def test_events_amounts_and_rules_agree_on_the_file_itself(pulse: str) -> None:
    found = compare_engines(read_sbml(pulse), until=40.0, sbml=pulse)
    kinds = {d.name: d.kind for d in found.differences}
    assert kinds == {
        "A": "species", "B": "species", "C": "species", "D": "species", "total": "rule", "level": "rule", "loss": "rule",
        "bind": "reaction", "back": "reaction", "leave": "reaction",
    }  # fmt: skip
    assert found.agree
    assert max(d.error for d in found.differences) < 1e-6
    ours = {d.name: d for d in found.differences}
    assert ours["D"].ours == 7.0
    assert ours["C"].ours <= 3.0  # an amount, not 3 / 0.4


@pytest.mark.parametrize("model", [robertson(), turnover()], ids=["stiff", "plain"])
def test_other_models_agree(model: Model) -> None:
    assert compare_engines(model, until=500.0).agree


def test_a_planted_disagreement_is_found_with_its_place(pulse: str) -> None:
    changed = pulse.replace('id="dose" value="4"', 'id="dose" value="5"')
    assert changed != pulse
    found = compare_engines(read_sbml(pulse), until=40.0, sbml=changed)
    assert not found.agree
    worst = found.apart[0]
    assert {d.name for d in found.apart} >= {"A", "B", "bind", "back", "total", "level"}
    assert {d.name for d in found.apart}.isdisjoint({"C", "D", "leave"})
    first = min(d.time for d in found.apart)
    assert first > 10
    assert found.sentence == (
        f"the engines differ: {worst.name} by {worst.error:.2g} of its maximum at t = {worst.time:.4g}; "
        f"{len(found.apart)} of 10 quantities"
    )
    assert worst.error == pytest.approx(abs(worst.ours - worst.theirs) / max_of(found, worst), rel=1e-6)


def max_of(found, worst: Difference) -> float:
    """The maximum of the curve that the error is relative to, which no value of it exceeds."""
    scale = abs(worst.ours - worst.theirs) / worst.error
    assert scale >= max(abs(worst.ours), abs(worst.theirs))
    return scale


def test_a_small_difference_above_the_limit_counts_and_one_below_does_not() -> None:
    model = turnover()
    text = write_sbml(model)
    above = text.replace('id="make" value="2"', 'id="make" value="2.001"')
    below = text.replace('id="make" value="2"', 'id="make" value="2.0001"')
    assert len({text, above, below}) == 3
    assert not compare_engines(model, sbml=above).agree
    found = compare_engines(model, sbml=below)
    assert found.agree
    assert found.differences[0].error == pytest.approx(5e-5, rel=1e-2)


def test_a_curve_of_rounding_errors_is_no_difference() -> None:
    """The net rate of a reaction at equilibrium is zero but for rounding."""
    model = antimony(
        "model e\ncompartment c = 1; species A in c = 0.3; species B in c = 0.7;\nr: A -> B; 7*A - 3*B;\nend"
    )
    found = compare_engines(model)
    assert found.agree
    assert {d.name for d in found.differences} == {"A", "B", "r"}


def test_small_amounts_are_compared_on_their_own_scale() -> None:
    """Moles in a cell: 1e-17, below any usual absolute tolerance."""
    tiny = antimony("model m\ncompartment c = 1; species A in c = 1e-17; species B in c = 0;\nr: A -> B; 0.1*A;\nend")
    assert compare_engines(tiny).agree
    changed = write_sbml(tiny).replace("0.1", "0.11")
    assert not compare_engines(tiny, sbml=changed).agree


def test_a_value_that_only_one_engine_calls_undefined_is_infinitely_far() -> None:
    import numpy as np

    times, ours = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0])
    off = np.array([1.0, np.nan, 4.0])
    found = compare_module._difference("X", "species", times, ours, off, ours, 1e-15)
    assert (found.error, found.time) == (np.inf, 1.0)
    assert compare_module._difference("X", "species", times, off, off, off, 1e-15).error == 0.0


def test_numerical_error_decides_nothing_and_is_said() -> None:
    one = {"kind": "species", "time": 1.0, "ours": 1.0, "theirs": 2.0}
    found = compare_module.Agreement(
        model="m", engine="e", until=1.0,
        differences=(Difference(name="B", error=0.5, resolved=False, **one), Difference(name="A", error=1e-9, resolved=True, **one)),
    )  # fmt: skip
    assert found.agree
    assert (
        found.sentence == "the two engines agree within 1e-09 on 1 quantities; numerical error leaves 1 undecided (B)"
    )


def test_without_the_engine_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "roadrunner", None)
    assert util.find_spec("roadrunner") is None
    with pytest.raises(
        InputError, match=r"libRoadRunner is not installed; install it with: pip install 'hepatica\[roadrunner\]'"
    ):
        compare_engines(turnover())


def test_what_the_other_engine_cannot_load_or_simulate_is_said() -> None:
    with pytest.raises(ComputationError, match=r"libRoadRunner 2\.[\d.]+ cannot load the model: \S"):
        compare_engines(turnover(), sbml="<sbml/>")
    blown = write_sbml(rate_of(Apply("+", (Apply("pow", (Symbol("x"), Number(2.0))), Number(1.0)))))
    quiet = replace(rate_of(Number(1.0)), id="one")
    with pytest.raises(ComputationError, match=r"libRoadRunner 2\.[\d.]+ cannot simulate the model: \S"):
        compare_engines(quiet, sbml=blown)


def test_a_crash_of_the_other_engine_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crashing = tmp_path / "second.py"
    crashing.write_text("import os, sys\nsys.stdin.read()\nos.abort()\n")
    monkeypatch.setattr(compare_module, "SECOND", crashing)
    with pytest.raises(ComputationError, match=r"libRoadRunner crashed on this model \(signal 6\): "):
        compare_engines(turnover())
    crashing.write_text("import sys, time\nsys.stdin.read()\ntime.sleep(60)\n")
    monkeypatch.setattr(compare_module, "SECONDS", 0.5)
    with pytest.raises(ComputationError, match=r"libRoadRunner took more than 0.5 s; compare to an earlier time"):
        compare_engines(turnover())


def test_a_talkative_engine_does_not_block_the_answer(tmp_path: Path) -> None:
    """More than a pipe holds on stderr, and words on stdout, from C as from Python."""
    stub = tmp_path / "roadrunner.py"
    stub.write_text(
        "import os\nos.write(2, b'x' * 300000)\nos.write(1, b'noise')\nprint('more')\nraise RuntimeError('never')\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['second']; exec(open({str(compare_module.SECOND)!r}).read())"
    request = json.dumps({"sbml": "", "selections": {}, "times": [], "rtol": 1e-9, "atol": 1e-9})
    done = subprocess.run([sys.executable, "-c", code], input=request, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert len(done.stderr) > 300000
    assert done.returncode == 1


def test_errors() -> None:
    with pytest.raises(InputError, match="'copasi' is no engine to compare with; known: roadrunner"):
        compare_engines(turnover(), against="copasi")
    with pytest.raises(InputError, match="the comparison would end at 0; expected a positive time"):
        compare_engines(turnover(), until=0.0)
    with pytest.raises(InputError, match="model 'm' has no species, rule or reaction to compare"):
        compare_engines(Model(id="m", parameters=(Parameter(id="k", value=1.0),)))
    with pytest.raises(ComputationError, match=r"hepatica cannot simulate 'one' to t = 100: stopped: "):
        compare_engines(rate_of(Apply("+", (Apply("pow", (Symbol("x"), Number(2.0))), Number(1.0)))))


def test_a_rule_variable_that_an_algebraic_rule_determines_is_listed() -> None:
    rule = Rule(kind="algebraic", variable="", expression=Apply("-", (Symbol("s"), Number(2.0))))
    model = replace(
        turnover(), rules=(rule,), parameters=(*turnover().parameters, Parameter(id="s", value=2.0, constant=False))
    )
    assert compare_module._quantities(model)["s"] == "rule"
