from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hepatica.errors import InputError, StorageError, UnsupportedError
from hepatica.inference import Likelihood, Trial, check_petab, log_prior, read_petab, write_petab
from hepatica.inference.entries import Entries
from hepatica.inference.formula import read_formula
from hepatica.inference.problem import Prior, Problem
from hepatica.inference.write import formula
from hepatica.model import Apply, Number, Symbol

from .cases import OPEN, TIGHT, problem, values
from .test_formula import FORMULAS, X, Y


def same(made: Problem, folder: Path) -> Problem:
    """Write and read a problem, whose log-likelihood must be what it was."""
    file = write_petab(made, folder)
    again = read_petab(file)
    before, after = (Likelihood(p, tolerances=TIGHT)(p.nominal[None])[0] for p in (made, again))
    assert after == pytest.approx(before, rel=1e-12)
    assert not [i for i in check_petab(file) if i.severity == "error"]
    return again


@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
@pytest.mark.parametrize("distribution", ["normal", "laplace"])
def test_every_noise_comes_back(scale: str, distribution: str, tmp_path: Path) -> None:
    same(problem(
        estimates={"k1": (0.8, "log10"), "s": (0.3, "log")}, formulas=[("A", "s + 0.1*B"), ("B", "0.2")],
        read=[(0, 0, 0.0), (0, 1, 1.0)], scale=scale, distribution=distribution,
    ), tmp_path)  # fmt: skip


def test_trials_come_back(tmp_path: Path) -> None:
    trials = [
        Trial(id="a plain one"), Trial(id="t", before=values(v=0.1, k2=0.3), after=values(k2=0.3, A="k1")),
        Trial(id="u", start=-2.0, after=values(k2=0.3, A="2*k1"), later=((1.0, values(A="A + 1", v=2.0)),)),
        Trial(id="u", before=values(v=0.1), after=values(v=0.1), later=((0.0, values(A="2*A")),)),
        Trial(id="rest", after=values(v=0.3)),
    ]  # fmt: skip
    read = [(k, 0, t) for k in range(4) for t in (0.0, 2.0)] + [(4, 0, np.inf)]
    again = same(problem(OPEN, estimates={"k1": (0.8, "log")}, trials=trials, read=read), tmp_path / "new" / "folder")
    assert [t.id for t in again.trials] == ["a_plain_one", "t", "u", "u_2", "rest"]


def test_priors_on_a_scale_are_those_of_the_linear_value(tmp_path: Path) -> None:
    made = problem(estimates={"k1": (0.8, "log10")})
    prior = Prior(distribution="normal", arguments=(0.1, 0.4), on_scale=True)
    made = replace(made, parameters=(replace(made.parameters[0], prior=prior, lower=0.0),))
    again = same(made, tmp_path)
    (got,), (want,) = (
        log_prior(p.nominal[None], np.array([[0.8]]), np.array([f]), p.estimated)[0]
        for p, f in ((again, 0.0), (made, np.log(10.0)))
    )
    assert got == pytest.approx(want - np.log(0.8 * np.log(10.0)))  # the density of the linear value


def test_formulas_come_back() -> None:
    read = [read_formula(text, "f") for text in FORMULAS]
    point = np.array([[X, Y]])
    want, got = (Entries(f, ["x", "y"])(point)[0] for f in (read, [read_formula(formula(f), "f") for f in read]))
    assert got[0] == pytest.approx(want[0], rel=1e-14)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'r\.k' is no name in PEtab's formulas"):
        formula(Symbol("r.k"))
    with pytest.raises(UnsupportedError, match="PEtab's mathematics has no 'floor'"):
        formula(Apply("floor", (Number(1.5),)))
    with pytest.raises(UnsupportedError, match="no number that is none"):
        formula(Number(np.nan))
    made = problem(estimates={"k1": (0.8, "log")})
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="the problem cannot be written to"):
        write_petab(made, tmp_path / "file")


def test_what_only_a_formula_uses_and_trials_set_is_in_the_model(tmp_path: Path) -> None:
    trials = [Trial(id="t", after=values(gain=2.0)), Trial(id="u", after=values(gain=3.0))]
    made = problem(
        estimates={"k1": (0.8, "log")}, trials=trials, formulas=[("gain*A", "0.2")], read=[(0, 0, 1.0), (1, 0, 1.0)]
    )
    again = same(made, tmp_path)
    assert "gain" in {p.id for p in again.model.parameters}
    assert not check_petab(tmp_path / "problem.yaml")


def test_an_observable_named_as_a_species_gets_another_name(tmp_path: Path) -> None:
    made = problem(estimates={"k1": (0.8, "log")}, read=[(0, 0, 1.0)])
    made = replace(made, observables=(replace(made.observables[0], id="A"), *made.observables[1:]))
    assert same(made, tmp_path).observables[0].id == "A_2"
    assert not check_petab(tmp_path / "problem.yaml")
