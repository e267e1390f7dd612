import os
import subprocess
import sys
import time

import numpy as np
import pytest

from hepatica.cli import main
from hepatica.compiler import compile_model
from hepatica.errors import HepaticaError, HostileFileError, InputError, StorageError, UnsupportedError
from hepatica.model import check_model
from hepatica.sbml import read_antimony, read_sbml
from hepatica.sbml.guard import read_text
from hepatica.solver import Status, Tolerances, integrate, plan_after

from .hostile import ATTACKS, TEXT_ATTACKS, apply, chain, ci, cn, dense, model, numerous, parameter, rate, ruled

pytestmark = pytest.mark.usefixtures("isolated")


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def one_sentence(text):
    return "\n" not in text and "Traceback" not in text and text.endswith((".", ".)", "?")) and len(text) < 600


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_in_sbml_is_one_sentence(tmp_path, name):
    make, expected = ATTACKS[name]
    with pytest.raises(InputError) as error:
        read_sbml(write(tmp_path, "x.xml", make()))
    assert expected in str(error.value)
    assert str(error.value).startswith("x.xml")
    assert one_sentence(str(error.value))


@pytest.mark.parametrize("name", TEXT_ATTACKS)
def test_an_attack_in_antimony_is_one_sentence(tmp_path, name):
    make, expected = TEXT_ATTACKS[name]
    with pytest.raises(InputError) as error:
        read_antimony(write(tmp_path, "x.ant", make()))
    assert expected in str(error.value)
    assert str(error.value).startswith("x.ant")
    assert one_sentence(str(error.value))


@pytest.mark.parametrize("name", ["nested 6000", "loop of rules", "negative compartment", "latin-1"])
def test_the_command_line_says_it_and_gives_code_2(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr(sys, "argv", ["hepatica", "check", str(write(tmp_path, "x.xml", ATTACKS[name][0]()))])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("hepatica: x.xml")
    assert one_sentence(said.err.removesuffix("\n"))


def test_a_crash_of_the_reader_is_no_crash_of_the_session(tmp_path, monkeypatch):
    """libSBML ends the process on formulas this deep; only the child has it."""
    from hepatica.sandbox import Sandbox

    code = "def read(arguments, data):\n    import libsbml\n    libsbml.readSBMLFromString(data.decode())\n    return None, b''\n"
    write(tmp_path, "unguarded.py", code)
    monkeypatch.syspath_prepend(str(tmp_path))
    box = Sandbox({"read": "unguarded.read"})
    deep = ruled("<apply><minus/>" * 200_000 + cn("1") + "</apply>" * 200_000).encode()
    with pytest.raises(
        HostileFileError, match=r"^deep\.xml: refused because reading it crashed \(signal 11, SIGSEGV\)\.$"
    ):
        box.call("read", {}, deep, subject="deep.xml")
    assert box.call("read", {}, ruled(cn("1")).encode(), subject="x.xml") == (None, b"")
    box.close()


def test_states_that_all_depend_on_each_other_are_refused():
    found = read_sbml(dense(400))
    with pytest.raises(UnsupportedError, match=r"^the 400 states of the model depend on each other so densely"):
        compile_model(found, cached=False)
    with pytest.raises(UnsupportedError, match=r"^the rates of the model name \d+ states and parameters together"):
        compile_model(read_sbml(dense(800)), cached=False)


def test_rules_that_double_and_long_chains_end_in_an_answer():
    for length in (100, 2000):
        assert compile_model(read_sbml(chain(length)), cached=False).states == ("S",)


def test_a_model_that_takes_too_long_is_refused_at_the_limit(monkeypatch):
    monkeypatch.setenv("HEPATICA_SANDBOX_SECONDS", "2")
    began = time.monotonic()
    with pytest.raises(HostileFileError, match="took more than 2 s; raise HEPATICA_SANDBOX_SECONDS if you trust it"):
        check_model(read_sbml(numerous(4000)))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("formula", "status"),
    [
        (apply("power", ci("x"), cn("3")), Status.STEP_TOO_SMALL),
        (apply("divide", cn("1"), cn("0")), Status.NOT_FINITE),
        (apply("ln", apply("minus", ci("x"))), Status.NOT_FINITE),
    ],
)
def test_a_model_that_blows_up_ends_in_a_status(formula, status):
    found = read_sbml(model(parameters=parameter("x", "10"), rules=rate("x", formula)))
    kernel = compile_model(found, cached=False)
    plan, task = plan_after([[]], equilibrated=False), [[0, 0, -1]]
    run = integrate(kernel, plan, np.array(task), kernel.p0[None, :], np.array([0.0, 100.0]), tolerances=Tolerances())
    assert Status(int(run.status[0])) in {status, Status.STEP_LIMIT, Status.NOT_FINITE, Status.STEP_TOO_SMALL}
    assert np.isnan(run.values[0, -1]).all()


def test_a_rate_that_switches_without_end_keeps_to_the_step_limit():
    """The larger x, the faster its rate climbs the next stair."""
    found = read_sbml(
        model(parameters=parameter("x", "1.5"), rules=rate("x", apply("ceiling", apply("times", ci("x"), ci("x")))))
    )
    kernel = compile_model(found, cached=False)
    plan, base = plan_after([[]], equilibrated=False), kernel.p0[None, :]
    run = integrate(kernel, plan, np.array([[0, 0, -1]]), base, np.array([0.0, 10.0]), tolerances=Tolerances(limit=300))
    assert Status(int(run.status[0])) == Status.STEP_LIMIT
    assert run.steps == 300


def test_what_is_no_file_is_not_read(tmp_path):
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        if str(path).endswith("pipe"):
            os.mkfifo(path)
        with pytest.raises(StorageError, match="is no file; give the path of a model file"):
            read_text(type(tmp_path)(path))
    with pytest.raises(HepaticaError, match="no file"):
        read_text(type(tmp_path)("a\0b.xml"))


def test_foreign_models_stay_foreign_and_give_the_same_numbers(monkeypatch):
    text = ruled(cn("1")).replace("assignmentRule", "rateRule")
    apart = read_sbml(text)
    code = compile_model(apart, cached=False)
    monkeypatch.setenv("HEPATICA_SANDBOX", "off")
    here = read_sbml(text)
    assert (apart, apart.digest, apart.foreign) == (here, here.digest, True)
    assert code.digest == compile_model(here, cached=False).digest


def test_the_parent_never_loads_the_readers(tmp_path):
    """What the child has read is in the parent without a byte of it passing through libSBML there."""
    path = write(tmp_path, "x.xml", ruled(cn("1")))
    probe = (
        "import libsbml, sys\nlibsbml.readSBMLFromString = None\n"
        f"from hepatica.sbml import read_sbml\nprint(read_sbml({str(path)!r}).id)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "m\n"
