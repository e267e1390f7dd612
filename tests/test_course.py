"""A time course of any model at the command line and from Python."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hepatica import Arm, Experiment, TimeCourse, draw_around, read_antimony, simulate, solver
from hepatica.errors import InputError, NotFoundError

DECAY = """model decay
  compartment c = 2; species A in c; A = 8; B in c; B := 2*A
  loss: A -> ; c*k*A; k = 0.5; at (time > 10): A = A + 1
end
"""


@pytest.fixture
def decay(tmp_path):
    path = tmp_path / "decay.ant"
    path.write_text(DECAY)
    return path


@pytest.fixture
def simulated(monkeypatch, call):
    monkeypatch.setattr(solver, "loop_is_ready", lambda: True)

    return lambda *words: call("simulate", *words)


def course(*at, of=()):
    return Experiment(id="course", arms=(Arm(id="control"),), assay=TimeCourse(at=at, of=of), equilibrate=False)


def table(text: str, tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "out.csv").write_text(text)
    return pd.read_csv(tmp_path / "out.csv")


def test_one_run_as_text(simulated, decay, tmp_path):
    code, out, err = simulated(decay, "--until", 4, "--points", 5, "--rtol", 1e-7)
    assert (code, err) == (0, "")
    got = table(out, tmp_path)
    assert list(got) == ["arm", "draw", "time", "A", "B"]
    np.testing.assert_allclose(got["A"], 8 * np.exp(-0.5 * np.arange(5)), rtol=1e-5)
    np.testing.assert_allclose(got["B"], 2 * got["A"])


def test_values_set_and_what_is_read(simulated, decay, tmp_path):
    _, out, _ = simulated(
        decay, "--until", 2, "--points", 3, "--of", "loss, A", "--set", "k=1", "--set", "A=2", "--rtol", 1e-7
    )
    got = table(out, tmp_path)
    assert list(got) == ["arm", "draw", "time", "loss", "A"]
    np.testing.assert_allclose(got["A"], 2 * np.exp(-np.arange(3)), rtol=1e-5)
    np.testing.assert_allclose(got["loss"], 2 * got["A"])


def test_draws_to_files_are_the_same_in_pieces(simulated, decay, tmp_path, monkeypatch):
    words = (decay, "--draws", 7, "--sigma", 0.5, "--until", 5, "--points", 3, "--set", "A=1")
    assert simulated(*words, "--out", tmp_path / "whole.nc")[0] == 0
    monkeypatch.setattr("hepatica.course.BLOCK_BYTES", 8 * 3 * 4 * 2)
    code, out, err = simulated(*words, "--out", tmp_path / "parts.nc")
    assert (code, out.strip()) == (0, str(tmp_path / "parts.nc"))
    assert err.splitlines()[-1] == "runs: 7 of 7 (100 %)"
    whole, parts = (xr.load_dataset(tmp_path / f"{n}.nc", engine="h5netcdf") for n in ("whole", "parts"))
    xr.testing.assert_identical(whole, parts)
    assert len(set(whole["A"].values[0, :, 1])) == 7
    assert simulated(*words, "--out", tmp_path / "whole.csv")[0] == 0
    got = pd.read_csv(tmp_path / "whole.csv")
    np.testing.assert_array_equal(got["A"].values, whole["A"].values.ravel())


def test_an_interrupted_run_goes_on(simulated, decay, tmp_path, monkeypatch):
    words = (decay, "--draws", 7, "--sigma", 0.5, "--until", 5, "--points", 3)
    assert simulated(*words, "--out", tmp_path / "whole.nc")[0] == 0
    monkeypatch.setattr("hepatica.course.BLOCK_BYTES", 8 * 3 * 4 * 2)

    def stop(_stage, done, _total):
        if done >= 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hepatica.cli.screen._plain_progress", lambda: stop)
        code, _, err = simulated(*words, "--out", tmp_path / "parts.nc")
    assert code == 130
    assert err.startswith("hepatica: interrupted. Continue with: hepatica simulate ")
    assert simulated(*words, "--out", tmp_path / "parts.nc", "--resume")[0] == 0
    whole, parts = (xr.load_dataset(tmp_path / f"{n}.nc", engine="h5netcdf") for n in ("whole", "parts"))
    xr.testing.assert_identical(whole, parts)
    assert simulated(*words, "--out", tmp_path / "parts.nc", "--resume")[0] == 0


def test_failures_are_told_and_empty(simulated, tmp_path):
    (tmp_path / "m.ant").write_text("x = 1; k = 1; x' = k*x^2")
    code, out, err = simulated(tmp_path / "m.ant", "--until", 2, "--points", 3)
    assert code == 1
    assert out.splitlines()[-1].endswith(",")
    assert err.splitlines()[0].startswith("arm 'control', draw 0 stopped at 1: ")
    assert err.splitlines()[-1] == "1 of 1 runs failed; their values are empty from there on"
    code, _, err = simulated(
        tmp_path / "m.ant", "--until", 1.5, "--points", 3, "--draws", 20, "--sigma", 0.5, "--of", "x"
    )
    assert code == 0
    assert 0 < int(err.splitlines()[-1].split()[0]) < 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--until", 0), "--until is 0.0; expected a finite time above zero."),
        (("--points", 1), "--points is 1; expected at least 2."),
        (("--draws", -1), "--draws is -1; expected zero or more."),
        (("--sigma", 1), "--sigma says how parameter sets scatter, but none is drawn; give --draws too."),
        (("--draws", 2), "model 'decay' has no priors to draw from; give --sigma too, such as --sigma 0.5."),
        (("--draws", 2, "--sigma", -1), "sigma is -1.0; expected a finite number above zero."),
        (("--set", "k"), "--set was given 'k'; expected NAME=VALUE with a finite number, such as k1=0.5."),
        (("--set", "k=nan"), "--set was given 'k=nan'; expected NAME=VALUE with a finite number, such as k1=0.5."),
        (("--set", "AA=1"), "model 'decay' has no parameter, species or compartment 'AA'."),
        (("--set", "B=1"), "'B' is computed by model 'decay' and cannot be set; set what it is computed from."),
        (("--rtol", -1), "the relative tolerance is -1.0; expected a number between 0 and 1, such as 1e-5."),
        (("--of", "D"), "model 'decay' has no observable 'D'."),
        (("--out", "a.txt"), "--out is 'a.txt'; expected a file that ends in .nc or .csv."),
        (("--out", "a.csv", "--resume"), "--resume goes on with a netCDF file; give --out FILE.nc."),
    ],
)
def test_mistakes_are_one_sentence(simulated, decay, words, message):
    code, out, err = simulated(decay, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"hepatica: {message}")
    assert err.count("\n") == 1


def test_a_file_that_exists_stays(simulated, decay, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    code, _, err = simulated(decay, "--out", tmp_path / "a.csv")
    assert code == 2
    assert err.startswith(f"hepatica: '{tmp_path / 'a.csv'}' exists; ")
    assert (tmp_path / "a.csv").read_text() == "mine"
    code, _, err = simulated(decay, "--out", tmp_path / "none" / "a.csv")
    assert code == 2
    assert "could not be written" in err


def test_a_parameter_of_one_reaction_is_named_with_it(simulated, tmp_path):
    from hepatica.model import Apply, Compartment, Model, Parameter, Reaction, Species, Symbol
    from hepatica.sbml import write_sbml

    rate = Apply("*", (Symbol("r.k"), Symbol("A")))
    model = Model(
        id="local", compartments=(Compartment(id="c", size=1.0),), species=(Species(id="A", compartment="c", initial=1.0),),
        parameters=(Parameter(id="r.k", value=1.0),), reactions=(Reaction(id="r", reactants=(("A", 1),), products=(), rate=rate),),
    )  # fmt: skip
    write_sbml(model, tmp_path / "m.xml")
    assert simulated(tmp_path / "m.xml", "--set", "k=1")[2].endswith("Did you mean 'r.k'?\n")


def test_a_time_course_in_python():
    model = read_antimony(text=DECAY)
    simulation = simulate(model, course(0, 1.0, "2 min"))
    assert list(simulation["time"].values) == [0.0, 1.0, 2.0]
    readout = course(0, 1.0, "2 min").assay.read(simulation)
    assert readout.dims == ("arm", "draw", "time", "observable")
    assert list(readout["observable"].values) == ["A", "B"]
    np.testing.assert_allclose(readout.sel(observable="A")[0, 0], 8 * np.exp([0.0, -0.5, -1.0]), rtol=1e-4)
    one = course(2.0, of=("B",)).assay.read(simulation)
    np.testing.assert_array_equal(one.values.ravel(), simulation["B"].values[0, 0, 2:])
    with pytest.raises(InputError, match="no measurement noise"):
        course(2.0).assay.read(simulation, seed=1)
    for at in ((), "2 h", (-1.0,), (float("nan"),)):
        with pytest.raises(InputError, match="a time course was"):
            TimeCourse(at=at)


def test_draws_around_values_are_the_same_in_any_piece():
    model = read_antimony(text="a = 1; b = 2; z = 0; n = -1; x = 0; x' = a; c := 2*a")
    whole = draw_around(model, 1000, sigma=0.3, seed=4)
    assert whole.parameters == ("a", "b")
    assert np.log(whole.draws).std("draw").values == pytest.approx([0.3, 0.3], rel=0.1)
    assert whole.draws.median("draw").values == pytest.approx([1.0, 2.0], rel=0.05)
    part = draw_around(model, 10, sigma=0.3, seed=4, start=500, parameters=("b",))
    np.testing.assert_array_equal(part.draws[:, 0], whole.draws[500:510, 1])
    with pytest.raises(NotFoundError, match="'z' is no constant parameter above zero"):
        draw_around(model, 1, seed=1, parameters=("z",))
    with pytest.raises(InputError, match="there is nothing to draw"):
        draw_around(read_antimony(text="x = 1; x' = -x"), 1, seed=1)
